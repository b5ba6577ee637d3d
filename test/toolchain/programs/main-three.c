#include <string.h>

int main(int argc, char **argv, char **envp)
{
	return argc == 2 && strcmp(argv[1], "b") == 0 && strcmp(envp[0], "X=1") == 0 ? 5 : 1;
}
