/*
 * setjmp and sigsetjmp are lowered by the compiler and never called. The symbols stand here for configure scripts that ask
 * whether a function links; a program that does call one was built without the driver, and stops.
 */
#define SYMBOL(name) int name(void) { __builtin_trap(); }

SYMBOL(sigsetjmp)
SYMBOL(__sigsetjmp)
SYMBOL(_setjmp)
