/* Start without an ELF image: the linker's one function runs all constructors. */
#include <elf.h>
#include <stdlib.h>
#include <unistd.h>
#include "libc.h"

static void no_constructor(void) {}
weak_alias(no_constructor, _init);

static void no_protector(void *p) {}
weak_alias(no_protector, __init_ssp);

void __wasm_call_ctors(void);

void __init_libc(char **envp, char *name)
{
	__environ = envp;
	while (*envp) envp++;
	libc.auxv = (size_t *)(envp+1);
	libc.page_size = PAGE_SIZE;

	__progname = __progname_full = name ? name : "";
	for (char *p=__progname_full; *p; p++) if (*p == '/') __progname = p+1;

	__init_tls(libc.auxv);
	__init_ssp(0);
}

int __main_argc_argv(int, char **);

/* main is named, not passed: a function in the table could be behind any pointer of its type, and would be taken for it. */
_Noreturn void __libc_run(int argc, char **argv)
{
	__wasm_call_ctors();
	exit(__main_argc_argv(argc, argv));
}

/* The C++ library has its own, which catches what nobody else did. */
__attribute__((__weak__)) void __guarded_run(int argc, char **argv)
{
	__libc_run(argc, argv);
}

_Noreturn void __libc_start(int argc, char **argv)
{
	__init_libc(argv+argc+1, argv[0]);
	_init();
	__guarded_run(argc, argv);
	__builtin_trap();
}
