#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <errno.h>

static jmp_buf top;

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void climb(int depth)
{
	if (depth == 0) longjmp(top, 7);
	climb(depth - 1);
}

int main(int argc, char **argv)
{
	int numbers[] = { 5, 3, 9, 1 };
	qsort(numbers, 4, sizeof *numbers, ascending);
	char *text = malloc(100);
	snprintf(text, 100, "%d %d %d %d", numbers[0], numbers[1], numbers[2], numbers[3]);
	printf("hello %s: %s %.3f\n", argc > 1 ? argv[1] : "world", text, 3.14159);
	free(text);
	int jumped = setjmp(top);
	if (jumped == 0) climb(5);
	printf("jumped with %d\n", jumped);
	FILE *file = fopen("/etc/motd", "r");
	if (file == NULL) printf("no motd: %s\n", strerror(errno));
	else fclose(file);
	const char *name = getenv("NAME");
	printf("NAME=%s, sizes %zu %zu\n", name ? name : "(none)", sizeof(long), sizeof(void *));
	return 3;
}
