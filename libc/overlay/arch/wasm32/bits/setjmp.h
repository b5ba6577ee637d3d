/* See src/setjmp: the frame, the place in it, and two words of what is thrown. */
typedef unsigned long __jmp_buf[8];
