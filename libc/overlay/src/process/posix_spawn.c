/*
 * posix_spawn in one call: the kernel makes the child from a description, so no program has to return twice for it. This is
 * Linden's own import, beside WALI's: __linden_spawn(description) answers the child's id or -errno.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "syscall.h"
#include "pthread_impl.h"
#include "fdop.h"

/* Read by the kernel: src/abi/spawn.ts holds the same offsets. */
struct action {
	int command, fd, source, flags;
	unsigned mode;
	const char *path;
};

struct description {
	const char *path;
	char *const *argv, *const *envp;
	struct action *actions;
	unsigned count;
	int flags, group;
	unsigned unused;
	unsigned long defaults, mask;
};

_Static_assert(sizeof(struct action) == 24, "action");
_Static_assert(sizeof(struct description) == 48, "description");

__attribute__((__import_module__("wali"), __import_name__("__linden_spawn")))
int __wali_spawn(const struct description *);

/* The directories of PATH one after the other, as execvpe(3) goes through them. */
static int search(struct description *d, const char *file)
{
	if (!*file) return -ENOENT;
	d->path = file;
	if (strchr(file, '/')) return __wali_spawn(d);

	char name[PATH_MAX+NAME_MAX+1];
	const char *path = getenv("PATH"), *end;
	int denied = 0;
	size_t length = strlen(file);
	if (!path) path = "/usr/local/bin:/bin:/usr/bin";
	if (length > NAME_MAX) return -ENAMETOOLONG;
	for (;; path = end+1) {
		end = strchrnul(path, ':');
		size_t n = end - path;
		if (n < PATH_MAX) {
			memcpy(name, path, n);
			name[n] = '/';
			memcpy(name+n+(n>0), file, length+1);
			d->path = name;
			int r = __wali_spawn(d);
			if (r == -EACCES) denied = 1;
			else if (r != -ENOENT && r != -ENOTDIR) return r;
		}
		if (!*end) return denied ? -EACCES : -ENOENT;
	}
}

int posix_spawn(pid_t *restrict res, const char *restrict path, const posix_spawn_file_actions_t *fa,
	const posix_spawnattr_t *restrict attr, char *const argv[restrict], char *const envp[restrict])
{
	struct fdop *first = fa ? fa->__actions : 0;
	unsigned count = 0;
	for (struct fdop *op=first; op; op=op->next) count++;
	if (count > 4096) return ENOMEM;

	/* musl keeps the newest action first. */
	struct action actions[count+1];
	unsigned i = count;
	for (struct fdop *op=first; op; op=op->next) {
		int named = op->cmd == FDOP_OPEN || op->cmd == FDOP_CHDIR;
		int opens = op->cmd == FDOP_OPEN;
		actions[--i] = (struct action){
			.command = op->cmd,
			.fd = op->cmd == FDOP_CHDIR ? -1 : op->fd,
			.source = op->cmd == FDOP_DUP2 ? op->srcfd : -1,
			.flags = opens ? op->oflag|O_LARGEFILE : 0,
			.mode = opens ? op->mode : 0,
			.path = named ? op->path : 0,
		};
	}

	struct description d = { .path = path, .argv = argv, .envp = envp, .actions = actions, .count = count };
	if (attr) {
		d.flags = attr->__flags;
		d.group = attr->__pgrp;
		memcpy(&d.defaults, &attr->__def, _NSIG/8);
		memcpy(&d.mask, &attr->__mask, _NSIG/8);
	}
	/* posix_spawnp sets __fn. */
	int pid = attr && attr->__fn ? search(&d, path) : __wali_spawn(&d);
	if (pid < 0) return -pid;
	if (res) *res = pid;
	return 0;
}
