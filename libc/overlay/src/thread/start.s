# The first instructions of a thread: only assembly can set the stack pointer.
	.globaltype	__stack_pointer, i32
	.functype	__thread_started (i32, i32) -> ()

	.section	.text.__wasm_thread_start_libc,"",@
	.export_name	__wasm_thread_start_libc, __wasm_thread_start_libc
	.globl	__wasm_thread_start_libc
	.type	__wasm_thread_start_libc,@function
__wasm_thread_start_libc:
	.functype	__wasm_thread_start_libc (i32, i32) -> ()
	local.get	1
	i32.load	0
	global.set	__stack_pointer
	local.get	0
	local.get	1
	call	__thread_started
	end_function
