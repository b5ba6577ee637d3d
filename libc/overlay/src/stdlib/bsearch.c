#include <stdlib.h>

hidden int __callback_compare(int (*)(const void *, const void *), const void *, const void *);

void *bsearch(const void *key, const void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	const char *low = base;
	while (count > 0) {
		const char *middle = low + count/2*size;
		int order = __callback_compare(compare, key, middle);
		if (!order) return (void *)middle;
		if (order < 0) count /= 2;
		else {
			low = middle+size;
			count -= count/2 + 1;
		}
	}
	return 0;
}
