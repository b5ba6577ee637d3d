/*
 * Program start. WALI hands arguments over one by one and the environment as a file; the stack of a Linux process (argv,
 * environment, auxiliary vector, then the strings) is built from them, and musl goes on from there.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/mman.h>
#include "syscall.h"

#define WALI(name) __attribute__((__import_module__("wali"), __import_name__(#name)))

WALI(__init) int __wali_init(void);
WALI(__cl_get_argc) unsigned __wali_argc(void);
WALI(__cl_get_argv_len) unsigned __wali_argv_len(unsigned);
WALI(__cl_copy_argv) int __wali_copy_argv(char *, unsigned);
WALI(__get_init_envfile) int __wali_envfile(char *, unsigned);

_Noreturn void __libc_start(int, char **);

#define AUX_WORDS 4

static void *space(size_t size)
{
	void *p = (void *)__syscall(SYS_mmap, 0, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0L);
	if ((unsigned)p > -4096U) __builtin_trap();
	return p;
}

/* Reads the file of the environment whole. The buffer grows by doubling: /proc files tell no size. */
static size_t read_environment(char **at)
{
	char path[PATH_MAX];
	if (!__wali_envfile(path, sizeof path)) return 0;
	int fd = __syscall(SYS_open, path, O_RDONLY|O_CLOEXEC|O_LARGEFILE, 0);
	if (fd < 0) return 0;
	size_t room = 16384, used = 0;
	char *text = space(room);
	for (;;) {
		long n = __syscall(SYS_read, fd, text+used, room-used-1);
		if (n <= 0) break;
		used += n;
		if (used < room-1) continue;
		char *more = space(2*room);
		__builtin_memcpy(more, text, used);
		__syscall(SYS_munmap, text, room);
		text = more;
		room *= 2;
	}
	__syscall(SYS_close, fd);
	*at = text;
	return used;
}

/* Ends each entry with NUL and counts them. NUL separates when the file ends in one (a value may hold a newline then). */
static unsigned split(char *text, size_t size)
{
	unsigned count = 0;
	int separator = text[size-1] ? '\n' : 0;
	if (text[size-1] && text[size-1] != '\n') size++;
	text[size-1] = 0;
	for (size_t i=0; i<size; i++) {
		if (text[i] == separator) text[i] = 0;
		if (!text[i] && i && text[i-1]) count++;
	}
	return count;
}

__attribute__((__export_name__("_start")))
void _start(void)
{
	if (__wali_init()) __syscall(SYS_exit_group, 127);

	char *text = 0;
	size_t text_size = read_environment(&text);
	unsigned variables = text_size ? split(text, text_size) : 0;

	unsigned argc = __wali_argc();
	size_t words = 1 + argc + 1 + variables + 1 + AUX_WORDS, strings = 0;
	for (unsigned i=0; i<argc; i++) strings += __wali_argv_len(i);

	size_t size = words*sizeof(char *) + strings;
	char **block = size <= 8192 ? __builtin_alloca(size) : space(size);
	char **word = block, *string = (char *)(block+words);
	char **argv = word;
	for (unsigned i=0; i<argc; i++) {
		*word++ = string;
		__wali_copy_argv(string, i);
		string += __wali_argv_len(i);
	}
	*word++ = 0;
	for (char *p=text; variables; p++) {
		if (!*p || p != text && p[-1]) continue;
		*word++ = p;
		variables--;
	}
	*word++ = 0;
	*word++ = (char *)AT_PAGESZ;
	*word++ = (char *)PAGESIZE;
	*word++ = (char *)AT_NULL;
	*word = 0;

	__libc_start(argc, argv);
}
