/*
 * The one place where sorting and searching call a program's comparison. Its type is that of main-like functions, so that to
 * the link it could lead anywhere; src/toolchain knows this name and holds that no comparison forks.
 */
#include <features.h>

hidden __attribute__((__noinline__))
int __callback_compare(int (*compare)(const void *, const void *), const void *a, const void *b)
{
	return compare(a, b);
}
