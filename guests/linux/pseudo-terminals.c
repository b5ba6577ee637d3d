/* Pairs of terminals: making, locking, naming, typing and reading, signals, window sizes, hanging up, packet mode. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hangups, resizes, interrupts;
static void on_hangup(int signal) {
  (void)signal;
  hangups += 1;
}
static void on_resize(int signal) {
  (void)signal;
  resizes += 1;
}
static void on_interrupt(int signal) {
  (void)signal;
  interrupts += 1;
}

static void show(const char *what, const char *bytes, ssize_t length) {
  printf("%s %zd:", what, length);
  for (ssize_t i = 0; i < length; i++) printf(bytes[i] >= ' ' && bytes[i] < 127 ? " %c" : " %02x", bytes[i] & 255);
  printf("\n");
}

/* What can be read at once, after a moment for the line discipline. */
static void take(const char *what, int fd) {
  char bytes[256];
  struct pollfd ready = {fd, POLLIN, 0};
  poll(&ready, 1, 2000);
  ssize_t length = read(fd, bytes, sizeof bytes);
  if (length < 0) report(what, -1);
  else show(what, bytes, length);
}

static void put(int fd, const char *text) {
  if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) report("write", -1);
}

static void pair(int *master, int *slave) {
  *master = posix_openpt(O_RDWR | O_NOCTTY);
  must("posix_openpt", *master);
  must("grantpt", grantpt(*master));
  must("unlockpt", unlockpt(*master));
  *slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
  must("open slave", *slave);
}

static void making(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY), number = -1, locked = -1;
  must("posix_openpt", master);
  must("TIOCGPTN", ioctl(master, TIOCGPTN, &number));
  char name[64], found[64] = "";
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  printf("named %d\n", strcmp(name, ptsname(master)) == 0);
  report("open while locked", open(name, O_RDWR | O_NOCTTY));
  must("TIOCGPTLCK", ioctl(master, TIOCGPTLCK, &locked));
  printf("locked %d\n", locked);
  must("unlockpt", unlockpt(master));
  must("TIOCGPTLCK", ioctl(master, TIOCGPTLCK, &locked));
  printf("locked %d\n", locked);
  int slave = open(name, O_RDWR | O_NOCTTY);
  must("open", slave);
  struct stat status, by_name;
  must("fstat", fstat(slave, &status));
  must("stat", stat(name, &by_name));
  printf("same %d, character %d, device %d\n", status.st_ino == by_name.st_ino && status.st_dev == by_name.st_dev,
         S_ISCHR(status.st_mode), status.st_rdev == by_name.st_rdev);
  printf("terminals %d %d\n", isatty(master), isatty(slave));
  printf("ttyname %d %.9s\n", ttyname_r(slave, found, sizeof found), found);
  report("TIOCGPTN of a slave", ioctl(slave, TIOCGPTN, &number));
  report("a name that is none", open("/dev/pts/x", O_RDWR));
  report("a number nobody has", open("/dev/pts/99999", O_RDWR));
  int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  must("TIOCGPTPEER", peer);
  put(peer, "peer");
  take("master", master);
  close(peer);
  close(slave);
  take("after the slave left", master);
  slave = open(name, O_RDWR | O_NOCTTY);
  put(slave, "again");
  take("master", master);
  close(master);
  report("open without a master", open(name, O_RDWR | O_NOCTTY));
  take("slave without a master", slave);
  report("write without a master", (int)write(slave, "x", 1));
  close(slave);
}

static void typing(void) {
  int master, slave;
  pair(&master, &slave);
  put(master, "hello\b\x7f!\r");
  take("echo", master);
  take("line", slave);
  put(slave, "one\ntwo\n");
  take("screen", master);
  struct termios settings, seen;
  must("tcgetattr", tcgetattr(slave, &settings));
  cfmakeraw(&settings);
  must("tcsetattr", tcsetattr(slave, TCSANOW, &settings));
  must("tcgetattr of the master", tcgetattr(master, &seen));
  printf("one setting %d\n", seen.c_lflag == settings.c_lflag);
  put(master, "a\003\r");
  take("raw", slave);
  put(slave, "x\ny");
  take("raw screen", master);
  fcntl(master, F_SETFL, O_NONBLOCK);
  char byte;
  report("nothing", (int)read(master, &byte, 1));
  struct pollfd both[2] = {{master, POLLIN | POLLOUT, 0}, {slave, POLLIN | POLLOUT, 0}};
  poll(both, 2, 0);
  printf("ready %x %x\n", both[0].revents, both[1].revents);
  put(master, "in");
  int queued = 0;
  struct pollfd typed = {slave, POLLIN, 0};
  poll(&typed, 1, 2000);
  must("FIONREAD", ioctl(slave, FIONREAD, &queued));
  printf("queued %d\n", queued);
  must("tcflush", tcflush(slave, TCIFLUSH));
  must("FIONREAD", ioctl(slave, FIONREAD, &queued));
  printf("queued %d\n", queued);
  close(slave);
  poll(both, 1, 0);
  printf("hung %x\n", both[0].revents & POLLHUP);
  close(master);
}

static void packets(void) {
  int master, slave, on = 1;
  pair(&master, &slave);
  must("TIOCPKT", ioctl(master, TIOCPKT, &on));
  put(slave, "data");
  take("packet", master);
  must("tcflow", tcflow(slave, TCOOFF));
  take("stopped", master);
  must("tcflow", tcflow(slave, TCOON));
  take("started", master);
  struct termios settings;
  tcgetattr(slave, &settings);
  settings.c_iflag &= ~IXON;
  tcsetattr(slave, TCSANOW, &settings);
  take("no stop", master);
  must("TIOCGPKT", ioctl(master, TIOCGPKT, &on));
  printf("packets %d\n", on);
  close(slave);
  close(master);
}

/* A child with the slave for its terminal; what it does, and what its master sees. */
static pid_t session(int master, int slave, void (*work)(void)) {
  pid_t child = fork();
  must("fork", child);
  if (child > 0) return child;
  close(master);
  setsid();
  ioctl(slave, TIOCSCTTY, 0);
  dup2(slave, 0);
  dup2(slave, 1);
  close(slave);
  struct sigaction action = {.sa_handler = on_hangup};
  sigaction(SIGHUP, &action, NULL);
  action.sa_handler = on_resize;
  sigaction(SIGWINCH, &action, NULL);
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, NULL);
  work();
  _exit(0);
}

static void say(const char *text) {
  if (write(1, text, strlen(text)) < 0) _exit(1);
}

static void ask_size(void) {
  char text[80];
  struct winsize size;
  say("ready\n");
  while (resizes == 0) pause();
  ioctl(0, TIOCGWINSZ, &size);
  snprintf(text, sizeof text, "%d by %d, tty %d\n", size.ws_row, size.ws_col, open("/dev/tty", O_RDWR) >= 0);
  say(text);
}

static void be_interrupted(void) {
  say("ready\n");
  while (interrupts == 0) pause();
  say(tcgetpgrp(0) == getpgrp() ? "interrupted\n" : "elsewhere\n");
  char bytes[8];
  ssize_t got = read(0, bytes, sizeof bytes);
  say(got == 0 ? "end\n" : "more\n");
}

static void be_hung_up(void) {
  say("ready\n");
  while (hangups == 0) pause();
  char byte;
  _exit(write(1, "x", 1) < 0 && errno == EIO && read(0, &byte, 1) == 0 ? 7 : 8);
}

static void computes(void) {
  signal(SIGINT, SIG_DFL);
  say("ready\n");
  for (;;) {
  }
}

static void sessions(void) {
  int master, slave, status, group = -1;
  struct winsize size = {30, 100, 0, 0};
  pair(&master, &slave);
  must("TIOCGWINSZ", ioctl(master, TIOCGWINSZ, &size));
  printf("at first %d by %d\n", size.ws_row, size.ws_col);
  pid_t child = session(master, slave, ask_size);
  take("sized", master);
  must("TIOCGPGRP", ioctl(master, TIOCGPGRP, &group));
  size = (struct winsize){30, 100, 0, 0};
  must("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &size));
  take("sized", master);
  waitpid(child, &status, 0);
  printf("group %d\n", group == child);
  close(slave);
  take("its leader is gone", master);
  close(master);

  pair(&master, &slave);
  child = session(master, slave, be_interrupted);
  take("ready", master);
  put(master, "\003");
  nanosleep(&(struct timespec){0, 20000000}, NULL);
  take("interrupted", master);
  put(master, "\004");
  waitpid(child, &status, 0);
  take("end", master);
  close(slave);
  close(master);

  pair(&master, &slave);
  child = session(master, slave, be_hung_up);
  close(slave);
  take("ready", master);
  close(master);
  waitpid(child, &status, 0);
  printf("hung up: %d\n", WEXITSTATUS(status));

  pair(&master, &slave);
  child = session(master, slave, computes);
  take("ready", master);
  put(master, "\003");
  waitpid(child, &status, 0);
  printf("busy: signal %d\n", WTERMSIG(status));
  close(slave);
  close(master);

  struct termios settings;
  int controlled;
  child = forkpty(&controlled, NULL, NULL, NULL);
  must("forkpty", child);
  if (child == 0) {
    printf("%d %d\n", isatty(0), tcgetattr(2, &settings));
    _exit(fflush(stdout));
  }
  take("forkpty", controlled);
  waitpid(child, &status, 0);
  take("afterwards", controlled);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  making();
  typing();
  packets();
  sessions();
  return 0;
}
