#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	return argc > 1 ? syscall(atoi(argv[1]), 1, 2, 3) : 0;
}
