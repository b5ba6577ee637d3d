#include <features.h>

/* What SYS_rt_sigaction takes: 24 bytes without padding. */
struct __attribute__((packed)) k_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned mask[2];
};

hidden void __restore(void);
hidden void __restore_rt(void);
