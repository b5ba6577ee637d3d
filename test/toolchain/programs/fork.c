#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	pid_t child = fork();
	if (child < 0) return 1;
	if (child == 0) _exit(4);
	int status;
	if (waitpid(child, &status, 0) != child) return 2;
	printf("the child ended with %d\n", WEXITSTATUS(status));
	return 0;
}
