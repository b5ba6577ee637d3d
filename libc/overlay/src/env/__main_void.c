/* Hands the environment to a main of three parameters. */
#include <features.h>

extern hidden int __main_argc;
extern hidden char **__main_argv;
extern char **__environ;

int main(int, char **, char **);

int __main_void(void)
{
	return main(__main_argc, __main_argv, __environ);
}
