#include <unistd.h>

static double halve(double x, double y)
{
	return x / y;
}

static int fork_now(int unused, long wide)
{
	return fork();
}

__attribute__((noinline)) double through_other_type(double (*volatile pointer)(double, double))
{
	return pointer(4, 2);
}

__attribute__((noinline)) int through_table(int (*volatile pointer)(int, long))
{
	return pointer(1, 2);
}

int main(void)
{
	return through_other_type(halve) == 2 && through_table(fork_now) >= 0;
}
