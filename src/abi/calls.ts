/**
 * Layer: abi. Every Linux x86-64 system call as WALI lends it to a 32-bit program: number, import, parameters. Pure data
 * (hence its length) and the reading of its notation; it knows no handler and no engine.
 *
 * Import module "wali", function "SYS_" + name, result always i64 (the value, or -errno). Sources: asm/unistd_64.h for the
 * numbers, the manual pages for the parameters, WALI's published interface for the types of what it implements.
 *
 * Notation: `number`, `~` where WALI publishes no types and this table decides them, then one `name:role` a parameter.
 * A role may be followed by `.structure`, by `@name` (the parameter that holds how many bytes, or how many of that
 * structure) and by `?` (0 is allowed and means "none").
 *
 * Structures have Linux's x86-64 layout with a 64-bit long and 4-byte pointers. "sigset" is 8 bytes; "fdpair" two i32;
 * "length" a u32; "offset", "time" an i64; "strings" a list of 4-byte pointers ended by 0.
 */
export const WALI_MODULE = "wali";

/** Role of a parameter, and the type it travels as: i = i32, I = i64. */
export const ROLES = {
  /** a file descriptor, signed */
  fd: "i",
  /** a directory's descriptor or AT_FDCWD, signed */
  dirfd: "i",
  /** pointer to a path that will be walked, NUL-terminated */
  path: "i",
  /** pointer to any other NUL-terminated string */
  string: "i",
  /** pointer to bytes the kernel reads */
  in: "i",
  /** pointer to bytes the kernel writes */
  out: "i",
  /** pointer to bytes the kernel reads and writes */
  inout: "i",
  /** an address that the call is about, or that is kept for later; nothing is read or written through it now */
  address: "i",
  /** an integer or a pointer: another parameter decides */
  argument: "i",
  /** the same as an unsigned long */
  argument64: "I",
  /** bytes, unsigned */
  size: "i",
  /** items, unsigned */
  count: "i",
  /** items as an unsigned long */
  count64: "I",
  /** signed integer */
  int: "i",
  /** unsigned integer */
  uint: "i",
  /** a set of bits */
  flags: "i",
  /** permission and file type bits */
  mode: "i",
  /** one of a list of constants */
  choice: "i",
  /** a signal's number */
  signal: "i",
  /** a process, thread, group or session; negative values have meanings */
  pid: "i",
  /** a user or group, unsigned; 0xffffffff means "unchanged" where the call says so */
  id: "i",
  /** a byte offset or length in a file, signed 64 bits */
  offset: "I",
  /** signed 64-bit integer */
  long: "I",
  /** unsigned 64-bit integer */
  ulong: "I",
} as const;

export type Role = keyof typeof ROLES;

/** One call a line, in the order of their numbers. */
export const CALLS = {
  read: "0 fd:fd buf:out@count count:size",
  write: "1 fd:fd buf:in@count count:size",
  open: "2 path:path flags:flags mode:mode",
  close: "3 fd:fd",
  stat: "4 path:path statbuf:out.stat",
  fstat: "5 fd:fd statbuf:out.stat",
  lstat: "6 path:path statbuf:out.stat",
  poll: "7 fds:inout.pollfd@nfds nfds:count64 timeout:int",
  lseek: "8 fd:fd offset:offset whence:choice",
  mmap: "9 addr:address? length:size prot:flags flags:flags fd:fd offset:offset",
  mprotect: "10 addr:address len:size prot:flags",
  munmap: "11 addr:address len:size",
  brk: "12 addr:address?",
  rt_sigaction: "13 signum:signal act:in.sigaction? oldact:out.sigaction? sigsetsize:size",
  rt_sigprocmask: "14 how:choice set:in.sigset@sigsetsize? oldset:out.sigset@sigsetsize? sigsetsize:size",
  rt_sigreturn: "15 unused:long",
  ioctl: "16 fd:fd request:choice argp:argument",
  pread64: "17 fd:fd buf:out@count count:size offset:offset",
  pwrite64: "18 fd:fd buf:in@count count:size offset:offset",
  readv: "19 fd:fd iov:in.iovec@iovcnt iovcnt:int",
  writev: "20 fd:fd iov:in.iovec@iovcnt iovcnt:int",
  access: "21 path:path mode:flags",
  pipe: "22 pipefd:out.fdpair",
  select: "23 nfds:int readfds:inout.fdset? writefds:inout.fdset? exceptfds:inout.fdset? timeout:inout.timeval?",
  sched_yield: "24",
  mremap: "25 old_address:address old_size:size new_size:size flags:flags new_address:address?",
  msync: "26 addr:address length:size flags:flags",
  mincore: "27~ addr:address length:size vec:out",
  madvise: "28 addr:address length:size advice:choice",
  shmget: "29~ key:int size:size shmflg:flags",
  shmat: "30~ shmid:int shmaddr:address? shmflg:flags",
  shmctl: "31~ shmid:int cmd:choice buf:inout.shmid_ds?",
  dup: "32 oldfd:fd",
  dup2: "33 oldfd:fd newfd:fd",
  pause: "34~",
  nanosleep: "35 req:in.timespec rem:out.timespec?",
  getitimer: "36~ which:choice curr_value:out.itimerval",
  alarm: "37~ seconds:uint",
  setitimer: "38 which:choice new_value:in.itimerval? old_value:out.itimerval?",
  getpid: "39",
  sendfile: "40~ out_fd:fd in_fd:fd offset:inout.offset? count:size",
  socket: "41 domain:choice type:flags protocol:int",
  connect: "42 sockfd:fd addr:in.sockaddr@addrlen addrlen:size",
  accept: "43 sockfd:fd addr:out.sockaddr? addrlen:inout.length?",
  sendto: "44 sockfd:fd buf:in@len len:size flags:flags dest_addr:in.sockaddr@addrlen? addrlen:size",
  recvfrom: "45 sockfd:fd buf:out@len len:size flags:flags src_addr:out.sockaddr? addrlen:inout.length?",
  sendmsg: "46 sockfd:fd msg:in.msghdr flags:flags",
  recvmsg: "47 sockfd:fd msg:inout.msghdr flags:flags",
  shutdown: "48 sockfd:fd how:choice",
  bind: "49 sockfd:fd addr:in.sockaddr@addrlen addrlen:size",
  listen: "50 sockfd:fd backlog:int",
  getsockname: "51 sockfd:fd addr:out.sockaddr addrlen:inout.length",
  getpeername: "52 sockfd:fd addr:out.sockaddr addrlen:inout.length",
  socketpair: "53 domain:choice type:flags protocol:int sv:out.fdpair",
  setsockopt: "54 sockfd:fd level:choice optname:choice optval:in@optlen? optlen:size",
  getsockopt: "55 sockfd:fd level:choice optname:choice optval:out? optlen:inout.length",
  clone: "56~ flags:flags stack:address? parent_tid:out.int? child_tid:out.int? tls:address?",
  fork: "57",
  vfork: "58~",
  execve: "59 path:path argv:in.strings? envp:in.strings?",
  exit: "60 status:int",
  wait4: "61 pid:pid wstatus:out.int? options:flags rusage:out.rusage?",
  kill: "62 pid:pid sig:signal",
  uname: "63 buf:out.utsname",
  semget: "64~ key:int nsems:int semflg:flags",
  semop: "65~ semid:int sops:in.sembuf@nsops nsops:count",
  semctl: "66~ semid:int semnum:int cmd:choice arg:argument",
  shmdt: "67~ shmaddr:address",
  msgget: "68~ key:int msgflg:flags",
  msgsnd: "69~ msqid:int msgp:in.msgbuf msgsz:size msgflg:flags",
  msgrcv: "70~ msqid:int msgp:out.msgbuf msgsz:size msgtyp:long msgflg:flags",
  msgctl: "71~ msqid:int cmd:choice buf:inout.msqid_ds?",
  fcntl: "72 fd:fd cmd:choice arg:argument64",
  flock: "73 fd:fd operation:flags",
  fsync: "74 fd:fd",
  fdatasync: "75 fd:fd",
  truncate: "76~ path:path length:offset",
  ftruncate: "77 fd:fd length:offset",
  getdents: "78~ fd:fd dirp:out.dirent@count count:size",
  getcwd: "79 buf:out@size size:size",
  chdir: "80 path:path",
  fchdir: "81 fd:fd",
  rename: "82 oldpath:path newpath:path",
  mkdir: "83 path:path mode:mode",
  rmdir: "84 path:path",
  creat: "85~ path:path mode:mode",
  link: "86 oldpath:path newpath:path",
  unlink: "87 path:path",
  symlink: "88 target:string linkpath:path",
  readlink: "89 path:path buf:out@bufsiz bufsiz:int",
  chmod: "90 path:path mode:mode",
  fchmod: "91 fd:fd mode:mode",
  chown: "92 path:path owner:id group:id",
  fchown: "93 fd:fd owner:id group:id",
  lchown: "94~ path:path owner:id group:id",
  umask: "95 mask:mode",
  gettimeofday: "96 tv:out.timeval? tz:out.timezone?",
  getrlimit: "97 resource:choice rlim:out.rlimit",
  getrusage: "98 who:choice usage:out.rusage",
  sysinfo: "99 info:out.sysinfo",
  times: "100~ buf:out.tms?",
  ptrace: "101~ request:choice pid:pid addr:address? data:argument64",
  getuid: "102",
  syslog: "103~ type:choice buf:out@len? len:int",
  getgid: "104",
  setuid: "105 uid:id",
  setgid: "106 gid:id",
  geteuid: "107",
  getegid: "108",
  setpgid: "109 pid:pid pgid:pid",
  getppid: "110",
  getpgrp: "111~",
  setsid: "112",
  setreuid: "113 ruid:id euid:id",
  setregid: "114 rgid:id egid:id",
  getgroups: "115 size:int list:out.id@size?",
  setgroups: "116 size:int list:in.id@size?",
  setresuid: "117 ruid:id euid:id suid:id",
  getresuid: "118~ ruid:out.id euid:out.id suid:out.id",
  setresgid: "119 rgid:id egid:id sgid:id",
  getresgid: "120~ rgid:out.id egid:out.id sgid:out.id",
  getpgid: "121 pid:pid",
  setfsuid: "122~ uid:id",
  setfsgid: "123~ gid:id",
  getsid: "124 pid:pid",
  capget: "125~ header:inout.cap_header data:out.cap_data?",
  capset: "126~ header:inout.cap_header data:in.cap_data",
  rt_sigpending: "127 set:out.sigset@sigsetsize sigsetsize:size",
  rt_sigtimedwait: "128~ set:in.sigset@sigsetsize info:out.siginfo? timeout:in.timespec? sigsetsize:size",
  rt_sigqueueinfo: "129~ tgid:pid sig:signal info:in.siginfo",
  rt_sigsuspend: "130 mask:in.sigset@sigsetsize sigsetsize:size",
  sigaltstack: "131 ss:in.stack_t? old_ss:out.stack_t?",
  utime: "132~ path:path times:in.utimbuf?",
  mknod: "133~ path:path mode:mode dev:uint",
  uselib: "134~ library:path",
  personality: "135~ persona:uint",
  ustat: "136~ dev:uint ubuf:out.ustat",
  statfs: "137 path:path buf:out.statfs",
  fstatfs: "138 fd:fd buf:out.statfs",
  sysfs: "139~ option:choice arg1:argument arg2:argument",
  getpriority: "140~ which:choice who:int",
  setpriority: "141~ which:choice who:int prio:int",
  sched_setparam: "142~ pid:pid param:in.sched_param",
  sched_getparam: "143~ pid:pid param:out.sched_param",
  sched_setscheduler: "144~ pid:pid policy:choice param:in.sched_param",
  sched_getscheduler: "145~ pid:pid",
  sched_get_priority_max: "146~ policy:choice",
  sched_get_priority_min: "147~ policy:choice",
  sched_rr_get_interval: "148~ pid:pid tp:out.timespec",
  mlock: "149~ addr:address len:size",
  munlock: "150~ addr:address len:size",
  mlockall: "151~ flags:flags",
  munlockall: "152~",
  vhangup: "153~",
  modify_ldt: "154~ func:choice ptr:inout@bytecount bytecount:size",
  pivot_root: "155~ new_root:path put_old:path",
  _sysctl: "156~ args:inout.sysctl_args",
  prctl: "157 option:choice arg2:argument64 arg3:argument64 arg4:argument64 arg5:argument64",
  arch_prctl: "158~ code:choice addr:argument",
  adjtimex: "159~ buf:inout.timex",
  setrlimit: "160 resource:choice rlim:in.rlimit",
  chroot: "161 path:path",
  sync: "162~",
  acct: "163~ path:path?",
  settimeofday: "164~ tv:in.timeval? tz:in.timezone?",
  mount: "165~ source:string? target:path filesystemtype:string? mountflags:flags data:in?",
  umount2: "166~ target:path flags:flags",
  swapon: "167~ path:path swapflags:flags",
  swapoff: "168~ path:path",
  reboot: "169~ magic:int magic2:int cmd:choice arg:argument",
  sethostname: "170~ name:in@len len:size",
  setdomainname: "171~ name:in@len len:size",
  iopl: "172~ level:uint",
  ioperm: "173~ from:uint num:uint turn_on:int",
  create_module: "174~ name:string size:size",
  init_module: "175~ module_image:in@len len:size param_values:string",
  delete_module: "176~ name:string flags:flags",
  get_kernel_syms: "177~ table:out?",
  query_module: "178~ name:string? which:choice buf:out@bufsize bufsize:size ret:out",
  quotactl: "179~ cmd:choice special:path? id:int addr:argument",
  nfsservctl: "180~ cmd:choice argp:in resp:out",
  getpmsg: "181~ fd:fd ctlptr:inout? dataptr:inout? bandp:inout? flagsp:inout",
  putpmsg: "182~ fd:fd ctlptr:in? dataptr:in? band:int flags:flags",
  afs_syscall: "183~",
  tuxcall: "184~",
  security: "185~",
  gettid: "186",
  readahead: "187~ fd:fd offset:offset count:size",
  setxattr: "188~ path:path name:string value:in@size? size:size flags:flags",
  lsetxattr: "189~ path:path name:string value:in@size? size:size flags:flags",
  fsetxattr: "190~ fd:fd name:string value:in@size? size:size flags:flags",
  getxattr: "191~ path:path name:string value:out@size? size:size",
  lgetxattr: "192~ path:path name:string value:out@size? size:size",
  fgetxattr: "193~ fd:fd name:string value:out@size? size:size",
  listxattr: "194~ path:path list:out@size? size:size",
  llistxattr: "195~ path:path list:out@size? size:size",
  flistxattr: "196~ fd:fd list:out@size? size:size",
  removexattr: "197~ path:path name:string",
  lremovexattr: "198~ path:path name:string",
  fremovexattr: "199~ fd:fd name:string",
  tkill: "200 tid:pid sig:signal",
  time: "201~ tloc:out.time?",
  futex: "202 uaddr:inout.int futex_op:choice val:uint timeout:argument uaddr2:argument val3:uint",
  sched_setaffinity: "203~ pid:pid cpusetsize:size mask:in@cpusetsize",
  sched_getaffinity: "204 pid:pid cpusetsize:size mask:out@cpusetsize",
  set_thread_area: "205~ u_info:inout.user_desc",
  io_setup: "206~ nr_events:count ctx_idp:inout.aio_context",
  io_destroy: "207~ ctx_id:ulong",
  io_getevents: "208~ ctx_id:ulong min_nr:int nr:int events:out.io_event@nr timeout:in.timespec?",
  io_submit: "209~ ctx_id:ulong nr:int iocbpp:in.pointer@nr",
  io_cancel: "210~ ctx_id:ulong iocb:in.iocb result:out.io_event",
  get_thread_area: "211~ u_info:inout.user_desc",
  lookup_dcookie: "212~ cookie:ulong buffer:out@len len:size",
  epoll_create: "213~ size:int",
  epoll_ctl_old: "214~",
  epoll_wait_old: "215~",
  remap_file_pages: "216~ addr:address size:size prot:flags pgoff:size flags:flags",
  getdents64: "217 fd:fd dirp:out.dirent64@count count:size",
  set_tid_address: "218 tidptr:address?",
  restart_syscall: "219~",
  semtimedop: "220~ semid:int sops:in.sembuf@nsops nsops:count timeout:in.timespec?",
  fadvise64: "221 fd:fd offset:offset len:offset advice:choice",
  timer_create: "222~ clockid:choice sevp:in.sigevent? timerid:out.int",
  timer_settime: "223~ timerid:int flags:flags new_value:in.itimerspec old_value:out.itimerspec?",
  timer_gettime: "224~ timerid:int curr_value:out.itimerspec",
  timer_getoverrun: "225~ timerid:int",
  timer_delete: "226~ timerid:int",
  clock_settime: "227~ clockid:choice tp:in.timespec",
  clock_gettime: "228 clockid:choice tp:out.timespec",
  clock_getres: "229 clockid:choice res:out.timespec?",
  clock_nanosleep: "230 clockid:choice flags:flags request:in.timespec remain:out.timespec?",
  exit_group: "231 status:int",
  epoll_wait: "232~ epfd:fd events:out.epoll_event@maxevents maxevents:int timeout:int",
  epoll_ctl: "233 epfd:fd op:choice fd:fd event:in.epoll_event?",
  tgkill: "234~ tgid:pid tid:pid sig:signal",
  utimes: "235~ path:path times:in.timevalpair?",
  vserver: "236~",
  mbind: "237~ addr:address len:size mode:choice nodemask:in? maxnode:size flags:flags",
  set_mempolicy: "238~ mode:choice nodemask:in? maxnode:size",
  get_mempolicy: "239~ mode:out.int? nodemask:out? maxnode:size addr:address? flags:flags",
  mq_open: "240~ name:string oflag:flags mode:mode attr:in.mq_attr?",
  mq_unlink: "241~ name:string",
  mq_timedsend: "242~ mqdes:fd msg_ptr:in@msg_len msg_len:size msg_prio:uint abs_timeout:in.timespec?",
  mq_timedreceive: "243~ mqdes:fd msg_ptr:out@msg_len msg_len:size msg_prio:out.int? abs_timeout:in.timespec?",
  mq_notify: "244~ mqdes:fd sevp:in.sigevent?",
  mq_getsetattr: "245~ mqdes:fd newattr:in.mq_attr? oldattr:out.mq_attr?",
  kexec_load: "246~ entry:address nr_segments:count segments:in.kexec_segment@nr_segments flags:flags",
  waitid: "247~ idtype:choice id:pid infop:out.siginfo? options:flags rusage:out.rusage?",
  add_key: "248~ type:string description:string payload:in@plen? plen:size keyring:int",
  request_key: "249~ type:string description:string callout_info:string? dest_keyring:int",
  keyctl: "250~ operation:choice arg2:argument64 arg3:argument64 arg4:argument64 arg5:argument64",
  ioprio_set: "251~ which:choice who:int ioprio:int",
  ioprio_get: "252~ which:choice who:int",
  inotify_init: "253~",
  inotify_add_watch: "254~ fd:fd path:path mask:flags",
  inotify_rm_watch: "255~ fd:fd wd:int",
  migrate_pages: "256~ pid:pid maxnode:size old_nodes:in new_nodes:in",
  openat: "257 dirfd:dirfd path:path flags:flags mode:mode",
  mkdirat: "258 dirfd:dirfd path:path mode:mode",
  mknodat: "259~ dirfd:dirfd path:path mode:mode dev:uint",
  fchownat: "260 dirfd:dirfd path:path owner:id group:id flags:flags",
  futimesat: "261~ dirfd:dirfd path:path? times:in.timevalpair?",
  newfstatat: "262 dirfd:dirfd path:path statbuf:out.stat flags:flags",
  unlinkat: "263 dirfd:dirfd path:path flags:flags",
  renameat: "264~ olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path",
  linkat: "265 olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:flags",
  symlinkat: "266 target:string newdirfd:dirfd linkpath:path",
  readlinkat: "267 dirfd:dirfd path:path buf:out@bufsiz bufsiz:int",
  fchmodat: "268 dirfd:dirfd path:path mode:mode flags:flags",
  faccessat: "269 dirfd:dirfd path:path mode:flags flags:flags",
  pselect6:
    "270 nfds:int readfds:inout.fdset? writefds:inout.fdset? exceptfds:inout.fdset? timeout:inout.timespec? sigmask:in.sigset_argument?",
  ppoll: "271 fds:inout.pollfd@nfds nfds:count64 tmo_p:inout.timespec? sigmask:in.sigset@sigsetsize? sigsetsize:size",
  unshare: "272~ flags:flags",
  set_robust_list: "273~ head:address len:size",
  get_robust_list: "274~ pid:pid head_ptr:out.pointer len_ptr:out.length",
  splice: "275~ fd_in:fd off_in:inout.offset? fd_out:fd off_out:inout.offset? len:size flags:flags",
  tee: "276~ fd_in:fd fd_out:fd len:size flags:flags",
  sync_file_range: "277~ fd:fd offset:offset nbytes:offset flags:flags",
  vmsplice: "278~ fd:fd iov:in.iovec@nr_segs nr_segs:count flags:flags",
  move_pages: "279~ pid:pid count:count pages:in.pointer@count nodes:in.int@count? status:out.int@count flags:flags",
  utimensat: "280 dirfd:dirfd path:path? times:in.timespecpair? flags:flags",
  epoll_pwait:
    "281 epfd:fd events:out.epoll_event@maxevents maxevents:int timeout:int sigmask:in.sigset@sigsetsize? sigsetsize:size",
  signalfd: "282~ fd:fd mask:in.sigset@sizemask sizemask:size",
  timerfd_create: "283~ clockid:choice flags:flags",
  eventfd: "284 initval:uint",
  fallocate: "285~ fd:fd mode:flags offset:offset len:offset",
  timerfd_settime: "286~ fd:fd flags:flags new_value:in.itimerspec old_value:out.itimerspec?",
  timerfd_gettime: "287~ fd:fd curr_value:out.itimerspec",
  accept4: "288 sockfd:fd addr:out.sockaddr? addrlen:inout.length? flags:flags",
  signalfd4: "289~ fd:fd mask:in.sigset@sizemask sizemask:size flags:flags",
  eventfd2: "290 initval:uint flags:flags",
  epoll_create1: "291 flags:flags",
  dup3: "292 oldfd:fd newfd:fd flags:flags",
  pipe2: "293 pipefd:out.fdpair flags:flags",
  inotify_init1: "294~ flags:flags",
  preadv: "295~ fd:fd iov:in.iovec@iovcnt iovcnt:int pos_l:offset pos_h:ulong",
  pwritev: "296~ fd:fd iov:in.iovec@iovcnt iovcnt:int pos_l:offset pos_h:ulong",
  rt_tgsigqueueinfo: "297~ tgid:pid tid:pid sig:signal info:in.siginfo",
  perf_event_open: "298~ attr:in.perf_event_attr pid:pid cpu:int group_fd:fd flags:flags",
  recvmmsg: "299~ sockfd:fd msgvec:inout.mmsghdr@vlen vlen:count flags:flags timeout:inout.timespec?",
  fanotify_init: "300~ flags:flags event_f_flags:flags",
  fanotify_mark: "301~ fanotify_fd:fd flags:flags mask:ulong dirfd:dirfd path:path?",
  prlimit64: "302 pid:pid resource:choice new_limit:in.rlimit? old_limit:out.rlimit?",
  name_to_handle_at: "303~ dirfd:dirfd path:path handle:inout.file_handle mount_id:out.int flags:flags",
  open_by_handle_at: "304~ mount_fd:dirfd handle:in.file_handle flags:flags",
  clock_adjtime: "305~ clockid:choice buf:inout.timex",
  syncfs: "306~ fd:fd",
  sendmmsg: "307~ sockfd:fd msgvec:inout.mmsghdr@vlen vlen:count flags:flags",
  setns: "308~ fd:fd nstype:flags",
  getcpu: "309~ cpu:out.int? node:out.int? tcache:address?",
  process_vm_readv:
    "310~ pid:pid local_iov:in.iovec@liovcnt liovcnt:count remote_iov:in.iovec@riovcnt riovcnt:count flags:flags",
  process_vm_writev:
    "311~ pid:pid local_iov:in.iovec@liovcnt liovcnt:count remote_iov:in.iovec@riovcnt riovcnt:count flags:flags",
  kcmp: "312~ pid1:pid pid2:pid type:choice idx1:ulong idx2:ulong",
  finit_module: "313~ fd:fd param_values:string flags:flags",
  sched_setattr: "314~ pid:pid attr:in.sched_attr flags:flags",
  sched_getattr: "315~ pid:pid attr:out.sched_attr@size size:size flags:flags",
  renameat2: "316 olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:flags",
  seccomp: "317~ operation:choice flags:flags args:argument",
  getrandom: "318 buf:out@buflen buflen:size flags:flags",
  memfd_create: "319~ name:string flags:flags",
  kexec_file_load: "320~ kernel_fd:fd initrd_fd:fd cmdline_len:size cmdline:in@cmdline_len flags:flags",
  bpf: "321~ cmd:choice attr:inout@size size:size",
  execveat: "322~ dirfd:dirfd path:path argv:in.strings? envp:in.strings? flags:flags",
  userfaultfd: "323~ flags:flags",
  membarrier: "324~ cmd:choice flags:flags cpu_id:int",
  mlock2: "325~ addr:address len:size flags:flags",
  copy_file_range: "326~ fd_in:fd off_in:inout.offset? fd_out:fd off_out:inout.offset? len:size flags:flags",
  preadv2: "327~ fd:fd iov:in.iovec@iovcnt iovcnt:int pos_l:offset pos_h:ulong flags:flags",
  pwritev2: "328~ fd:fd iov:in.iovec@iovcnt iovcnt:int pos_l:offset pos_h:ulong flags:flags",
  pkey_mprotect: "329~ addr:address len:size prot:flags pkey:int",
  pkey_alloc: "330~ flags:flags access_rights:flags",
  pkey_free: "331~ pkey:int",
  statx: "332 dirfd:dirfd path:path flags:flags mask:flags statxbuf:out.statx",
  io_pgetevents:
    "333~ ctx_id:ulong min_nr:int nr:int events:out.io_event@nr timeout:in.timespec? sig:in.sigset_argument?",
  rseq: "334~ rseq:address rseq_len:size flags:flags sig:uint",
  pidfd_send_signal: "424~ pidfd:fd sig:signal info:in.siginfo? flags:flags",
  io_uring_setup: "425~ entries:count params:inout.io_uring_params",
  io_uring_enter: "426~ fd:fd to_submit:count min_complete:count flags:flags sig:in@sz? sz:size",
  io_uring_register: "427~ fd:fd opcode:choice arg:argument nr_args:count",
  open_tree: "428~ dirfd:dirfd path:path flags:flags",
  move_mount: "429~ from_dirfd:dirfd from_path:path to_dirfd:dirfd to_path:path flags:flags",
  fsopen: "430~ fsname:string flags:flags",
  fsconfig: "431~ fd:fd cmd:choice key:string? value:argument aux:int",
  fsmount: "432~ fd:fd flags:flags attr_flags:flags",
  fspick: "433~ dirfd:dirfd path:path flags:flags",
  pidfd_open: "434~ pid:pid flags:flags",
  clone3: "435~ cl_args:inout@size size:size",
  close_range: "436~ first:uint last:uint flags:flags",
  openat2: "437~ dirfd:dirfd path:path how:in@size size:size",
  pidfd_getfd: "438~ pidfd:fd targetfd:fd flags:flags",
  faccessat2: "439 dirfd:dirfd path:path mode:flags flags:flags",
  process_madvise: "440~ pidfd:fd iov:in.iovec@vlen vlen:count advice:choice flags:flags",
  epoll_pwait2:
    "441~ epfd:fd events:out.epoll_event@maxevents maxevents:int timeout:in.timespec? sigmask:in.sigset@sigsetsize? sigsetsize:size",
  mount_setattr: "442~ dirfd:dirfd path:path flags:flags attr:in@size size:size",
  quotactl_fd: "443~ fd:fd cmd:choice id:int addr:argument",
  landlock_create_ruleset: "444~ attr:in@size? size:size flags:flags",
  landlock_add_rule: "445~ ruleset_fd:fd rule_type:choice rule_attr:in flags:flags",
  landlock_restrict_self: "446~ ruleset_fd:fd flags:flags",
  memfd_secret: "447~ flags:flags",
  process_mrelease: "448~ pidfd:fd flags:flags",
  futex_waitv:
    "449~ waiters:in.futex_waitv@nr_futexes nr_futexes:count flags:flags timeout:in.timespec? clockid:choice",
  set_mempolicy_home_node: "450~ start:address len:size home_node:size flags:flags",
  cachestat: "451~ fd:fd range:in.cachestat_range result:out.cachestat flags:flags",
  fchmodat2: "452~ dirfd:dirfd path:path mode:mode flags:flags",
} as const;

export type CallName = keyof typeof CALLS;

/** Where WALI publishes a call under another name than Linux. */
const PUBLISHED_NAMES: Readonly<Partial<Record<CallName, string>>> = { fadvise64: "fadvise" };

/** Other imports that mean a call: Linux's own name where WALI's differs, and names of older builds. */
export const IMPORT_ALIASES: Readonly<Record<string, CallName>> = {
  SYS_fadvise64: "fadvise64",
  SYS_fstatat: "newfstatat",
};

/** WALI's own imports: parameters, then the result ("" for none). */
export const WALI_FUNCTIONS = {
  /** Called once before anything else. 0, or another value to give up. */
  __init: { parameters: "", result: "i" },
  /** Called once after main returned or exit ran its handlers. */
  __deinit: { parameters: "", result: "i" },
  /** Ends the process: status. */
  __proc_exit: { parameters: "i", result: "" },
  __cl_get_argc: { parameters: "", result: "i" },
  /** Bytes of an argument with its NUL: index. */
  __cl_get_argv_len: { parameters: "i", result: "i" },
  /** Copies an argument with its NUL: buffer, index. Answers its length. */
  __cl_copy_argv: { parameters: "ii", result: "i" },
  /** Writes the path of a file of NAME=value lines: buffer, its size. Answers 0 when there is none. */
  __get_init_envfile: { parameters: "ii", result: "i" },
  /** Starts a thread: table index of its start function, argument. Answers its id, or -errno. */
  __wasm_thread_spawn: { parameters: "ii", result: "i" },
  /** What foreign binaries name as sa_restorer; never called. */
  __restore: { parameters: "", result: "" },
  __restore_rt: { parameters: "", result: "" },
  /** Linden's own: posix_spawn from a description (src/abi/spawn.ts). Answers the child's id, or -errno. */
  __linden_spawn: { parameters: "i", result: "i" },
  /** Foreign binaries import these; a program of our own compiler carries its own. */
  setjmp: { parameters: "i", result: "i" },
  sigsetjmp: { parameters: "ii", result: "i" },
  longjmp: { parameters: "ii", result: "" },
} as const;

export type WaliFunctionName = keyof typeof WALI_FUNCTIONS;

/** The export a new thread's instance is entered by: thread id, argument; no result. */
export const THREAD_ENTRY = "__wasm_thread_start_libc";

/** What a program puts into ksigaction.handler: wasm's linker gives the table index 1 to a function. */
export const WALI_SIG_DFL = 0;
export const WALI_SIG_IGN = -2;
export const WALI_SIG_ERR = -1;

export type Parameter = {
  readonly name: string;
  readonly role: Role;
  readonly type: "i" | "I";
  /** What a pointer points to; undefined: bytes. */
  readonly structure: string | undefined;
  /** Index of the parameter with the number of bytes or structures. */
  readonly length: number | undefined;
  readonly optional: boolean;
};

export type Call = {
  readonly name: CallName;
  readonly number: number;
  /** False where WALI leaves the call untyped: a foreign binary may import it without parameters. */
  readonly published: boolean;
  readonly parameters: readonly Parameter[];
};

/** Reads one line of the table. Throws RangeError on a line that breaks the notation, which a test excludes. */
export function callOf(name: CallName): Call {
  const [head = "", ...words] = CALLS[name].split(" ");
  const names = words.map((word) => word.slice(0, word.indexOf(":")));
  const parameters = words.map((word, index): Parameter => {
    const match = /^\w+:(\w+)(?:\.(\w+))?(?:@(\w+))?(\?)?$/.exec(word);
    const role = match?.[1] ?? "";
    if (match === null || !isRole(role)) throw new RangeError(`call table: ${name}: ${word}`);
    const length = match[3] === undefined ? undefined : names.indexOf(match[3]);
    if (length === -1 || length === index) throw new RangeError(`call table: ${name}: no such length: ${word}`);
    return {
      name: names[index] ?? "",
      role,
      type: ROLES[role],
      structure: match[2],
      length,
      optional: match[4] !== undefined,
    };
  });
  return { name, number: Number.parseInt(head, 10), published: !head.endsWith("~"), parameters };
}

function isRole(word: string): word is Role {
  return Object.hasOwn(ROLES, word);
}

export function callNames(): CallName[] {
  return Object.keys(CALLS) as CallName[];
}

/** Types of a call's parameters, one letter each: "iI" is (i32, i64). The result is i64. */
export function signatureOf(name: CallName): string {
  // A program's start waits for this, for every call there is: callOf would read far more than is asked.
  let types = "";
  for (const [, role] of CALLS[name].matchAll(/:(\w+)/g)) types += ROLES[role as Role];
  return types;
}

/** The name a program of our own libc imports the call by: the published one. */
export function importName(name: CallName): string {
  return `SYS_${PUBLISHED_NAMES[name] ?? name}`;
}
