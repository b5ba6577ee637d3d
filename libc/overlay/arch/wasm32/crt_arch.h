/* crt1.c of this architecture starts in C. */
