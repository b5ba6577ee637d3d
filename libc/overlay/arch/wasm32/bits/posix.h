/* Pointers of 32 bits beside a long of 64 have no name in POSIX; 32-bit pointers with 64-bit offsets come closest. */
#define _POSIX_V6_ILP32_OFFBIG 1
#define _POSIX_V7_ILP32_OFFBIG 1
