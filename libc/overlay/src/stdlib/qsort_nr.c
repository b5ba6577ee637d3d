/* qsort over qsort_r. */
#define _BSD_SOURCE
#include <stdlib.h>

hidden int __callback_compare(int (*)(const void *, const void *), const void *, const void *);

typedef int compare(const void *, const void *);

static int without_argument(const void *a, const void *b, void *function)
{
	return __callback_compare((compare *)function, a, b);
}

void qsort(void *base, size_t count, size_t size, compare *function)
{
	__qsort_r(base, count, size, without_argument, (void *)function);
}
