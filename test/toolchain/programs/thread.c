#include <pthread.h>
#include <stddef.h>

static _Thread_local int mine = 40;

static void *count(void *by)
{
	mine += *(int *)by;
	return mine == 42 ? by : NULL;
}

int main(void)
{
	pthread_t thread;
	int two = 2;
	void *answer;
	if (pthread_create(&thread, NULL, count, &two) != 0) return 1;
	if (pthread_join(thread, &answer) != 0) return 2;
	return answer == &two && mine == 40 ? 0 : 3;
}
