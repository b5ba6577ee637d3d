#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(void)
{
	pid_t child;
	char *words[] = { "echo", "spawned", NULL };
	FILE *pipe = popen("echo piped", "r");
	if (pipe == NULL || pclose(pipe) != 0) return 1;
	if (system("exit 3") == -1) return 2;
	return posix_spawnp(&child, "echo", NULL, NULL, words, environ);
}
