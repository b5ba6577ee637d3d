/*
 * clang names main(int, char **) __main_argc_argv and main(void) __main_void; a main of three parameters keeps its name.
 * This file comes in when there is no main of two parameters, __main_void.c when there is none without any either.
 */
#include <features.h>

int __main_void(void);

hidden int __main_argc;
hidden char **__main_argv;

int __main_argc_argv(int argc, char **argv)
{
	__main_argc = argc;
	__main_argv = argv;
	return __main_void();
}
