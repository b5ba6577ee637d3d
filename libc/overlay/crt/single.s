# Linked into programs without threads: the linker defines these two only with shared memory.
	.globaltype	__tls_size, i32, immutable
	.globl	__tls_size
__tls_size:

	.globaltype	__tls_align, i32, immutable
	.globl	__tls_align
__tls_align:
