/* What posix_spawn does for the child before it executes: its attributes. The child is this program again, "./child". */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef POSIX_SPAWN_USEVFORK
#define POSIX_SPAWN_USEVFORK 0x40
#endif

static int child(void)
{
	uid_t user, effective, saved;
	gid_t group, effective_group, saved_group;
	sigset_t mask;
	struct sigaction action;
	getresuid(&user, &effective, &saved);
	getresgid(&group, &effective_group, &saved_group);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigaction(SIGUSR2, NULL, &action);
	printf(" %d %d %d, %d %d %d, leads group %d session %d, blocks %d, ignores %d\n", user, effective, saved, group,
	       effective_group, saved_group, getpgrp() == getpid(), getsid(0) == getpid(), sigismember(&mask, SIGUSR1),
	       action.sa_handler == SIG_IGN);
	return 0;
}

static void spawn(const char *what, int flags)
{
	posix_spawnattr_t attributes;
	sigset_t none, second;
	pid_t pid;
	int status;
	char *words[] = { "child", NULL };
	sigemptyset(&none);
	sigemptyset(&second);
	sigaddset(&second, SIGUSR2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &second);
	printf("%s:", what);
	int error = posix_spawnattr_setflags(&attributes, flags);
	fflush(stdout);
	if (error == 0) error = posix_spawn(&pid, "./child", NULL, &attributes, words, NULL);
	if (error != 0) printf(" refused %d\n", error == EINVAL);
	else if (waitpid(pid, &status, 0) != pid || status != 0) printf(" ended by %x\n", status);
}

int main(int count, char **words)
{
	sigset_t first;
	if (strcmp(words[0], "child") == 0) return child();
	sigemptyset(&first);
	sigaddset(&first, SIGUSR1);
	sigprocmask(SIG_BLOCK, &first, NULL);
	signal(SIGUSR2, SIG_IGN);
	if (setresgid(1, 2, 3) != 0 || setresuid(4, 5, 6) != 0) return 1;
	spawn("as it is", 0);
	spawn("like vfork", POSIX_SPAWN_USEVFORK);
	spawn("real users", POSIX_SPAWN_RESETIDS);
	spawn("a mask", POSIX_SPAWN_SETSIGMASK);
	spawn("defaults", POSIX_SPAWN_SETSIGDEF);
	spawn("a group", POSIX_SPAWN_SETPGROUP);
	spawn("a session", POSIX_SPAWN_SETSID);
	spawn("as make does", POSIX_SPAWN_USEVFORK | POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETSIGMASK);
	spawn("what nobody knows", 0x4000);
	return 0;
}
