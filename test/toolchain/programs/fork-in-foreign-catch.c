/* Forks where it caught what no compiler here throws: two numbers. The driver warns of that function alone. */
#include <unistd.h>

__asm__(".tagtype two_numbers i32, i32\n"
        ".globl two_numbers\n"
        "two_numbers:\n"
        ".functype fork () -> (i32)\n"
        ".section .text.forks_in_foreign_catch,\"\",@\n"
        ".globl forks_in_foreign_catch\n"
        ".type forks_in_foreign_catch,@function\n"
        "forks_in_foreign_catch:\n"
        ".functype forks_in_foreign_catch (i32) -> (i32)\n"
        "try i32\n"
        "  local.get 0\n"
        "  i32.const 1\n"
        "  throw two_numbers\n"
        "catch two_numbers\n"
        "  drop\n"
        "  drop\n"
        "  call fork\n"
        "end_try\n"
        "end_function\n");

int forks_in_foreign_catch(int);

int main(int count, char **arguments) {
  (void)arguments;
  return count == 1 ? fork() : forks_in_foreign_catch(count);
}
