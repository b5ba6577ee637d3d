#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of a comparison's type, and it forks. */
static int start(const void *a, const void *b)
{
	return a == b ? fork() : 0;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(void)
{
	int numbers[] = { 2, 1 };
	int (*volatile started)(const void *, const void *) = start;
	qsort(numbers, 2, sizeof *numbers, compare);
	printf("%d\n", numbers[0]);
	return started(numbers, numbers) < 0;
}
