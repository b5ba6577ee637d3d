/* Real, effective and saved users and groups, as the superuser and as somebody else; who may then do what. */
#include "../report.h"
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void show(const char *what, int result) {
  uid_t r, e, s;
  gid_t gr, ge, gs;
  int error = errno;
  getresuid(&r, &e, &s);
  getresgid(&gr, &ge, &gs);
  printf("%s: %s, user %d %d %d %d, group %d %d %d\n", what, result < 0 ? errno_name(error) : "ok", (int)r, (int)e,
         (int)s, (int)setfsuid(-1), (int)gr, (int)ge, (int)gs);
}

/* Each in a process of its own. */
static void apart(void (*what)(void)) {
  fflush(stdout);
  int child = must("fork", fork());
  if (child == 0) {
    what();
    fflush(stdout);
    _exit(0);
  }
  int status;
  must("waitpid", waitpid(child, &status, 0));
  if (status) printf("status %x\n", status);
}

static void superuser(void) {
  show("at first", 0);
  show("setreuid", setreuid(-1, 5));
  show("and back", setreuid(-1, 0));
  show("setresuid", setresuid(1, 2, 0));
  show("seteuid", seteuid(0));
  show("setresgid", setresgid(7, 8, 9));
  show("setuid", setuid(42));
  show("for good", setuid(0));
}

static void dropped(void) {
  must("setresgid", setresgid(10, 11, 12));
  must("setresuid", setresuid(1, 2, 3));
  show("dropped", 0);
  show("setuid to the real", setuid(1));
  show("setuid to the saved", setuid(3));
  show("setuid to another", setuid(4));
  show("setuid to the one that was effective", setuid(2));
  show("seteuid", seteuid(1));
  show("setreuid swaps", setreuid(3, 1));
  show("setreuid to another", setreuid(7, -1));
  show("setresuid among them", setresuid(-1, 1, 1));
  show("setresuid to another", setresuid(-1, -1, 9));
  show("setgid", setgid(12));
  show("setgid to another", setgid(13));
  show("setregid", setregid(-1, 10));
  show("setregid sets the saved", setregid(10, -1));
  gid_t list[1] = {5};
  show("setgroups", setgroups(1, list));
  report("chroot", chroot("/"));
}

static void reused(void) {
  must("setreuid", setreuid(6, 0));
  show("set-user-ID like", 0);
  show("setuid of the superuser", setuid(6));
}

static void file_user(void) {
  printf("setfsuid %d", (int)setfsuid(9));
  printf(" %d\n", (int)setfsuid(-1));
  int file = must("open", open("by fsuid", O_CREAT | O_WRONLY, 0600));
  struct stat st;
  must("fstat", fstat(file, &st));
  printf("owner %d group %d\n", (int)st.st_uid, (int)st.st_gid);
  report("what is root's", open("private", O_RDONLY));
  printf("setfsgid %d", (int)setfsgid(8));
  printf(" %d\n", (int)setfsgid(-1));
  must("setuid", seteuid(0));
  printf("follows %d\n", (int)setfsuid(-1));
  must("setresuid", setresuid(1, 2, 3));
  setfsuid(3);
  printf("to the saved %d\n", (int)setfsuid(-1));
  setfsuid(99);
  printf("to another %d\n", (int)setfsuid(-1));
}

static void access_check(void) {
  must("setresuid", setresuid(0, 1000, 0));
  report("access as the real user", access("private", R_OK));
  report("access as the effective", faccessat(AT_FDCWD, "private", R_OK, AT_EACCESS));
  report("open", open("private", O_RDONLY));
  must("swap", setreuid(1000, 0));
  report("access as the real user", access("private", R_OK));
  report_open("open", open("private", O_RDONLY));
}

static void ownership(void) {
  struct stat st;
  int file = must("open", open("own", O_CREAT | O_RDWR, 06755));
  must("chmod", fchmod(file, 06755));
  must("chown", fchown(file, 1000, 2000));
  must("fstat", fstat(file, &st));
  printf("owner %d group %d mode %o\n", (int)st.st_uid, (int)st.st_gid, st.st_mode & 07777);
  must("chown of one", fchown(file, -1, 3000));
  must("fstat", fstat(file, &st));
  printf("owner %d group %d\n", (int)st.st_uid, (int)st.st_gid);
  gid_t groups[2] = {3000, 4000};
  must("setgroups", setgroups(2, groups));
  must("setresgid", setresgid(50, 50, 50));
  must("setresuid", setresuid(1000, 1000, 1000));
  report("give away", fchown(file, 1001, -1));
  report("to a group of mine", fchown(file, -1, 4000));
  report("to another group", fchown(file, -1, 5000));
  must("chmod", fchmod(file, 06770));
  must("write", write(file, "x", 1));
  must("fstat", fstat(file, &st));
  printf("after writing %o\n", st.st_mode & 07777);
  must("setgid of no group of mine", fchmod(file, 02770));
  report("utimes of root's", utimensat(AT_FDCWD, "private", NULL, 0));
  printf("groups %d\n", getgroups(0, NULL));
  umask(0777);
  must("nobody's", close(open("masked", O_CREAT | O_WRONLY, 0666)));
  must("stat", stat("masked", &st));
  printf("masked %o\n", st.st_mode & 07777);
}

static void signals(void) {
  must("setresuid", setresuid(1000, 1001, 1002));
  report("another's", kill(getppid(), 0));
  int child = must("fork", fork());
  if (child == 0) {
    pause();
    _exit(0);
  }
  must("change", setresuid(-1, 1000, -1));
  report("of the same real user", kill(child, SIGKILL));
  waitpid(child, NULL, 0);
}

int main(void) {
  gid_t none[1] = {0};
  must("setgroups", setgroups(0, none));
  must("chmod", chmod(".", 0777));
  close(must("open", open("private", O_CREAT | O_WRONLY, 0600)));
  apart(superuser);
  apart(dropped);
  apart(reused);
  apart(file_user);
  apart(access_check);
  apart(ownership);
  apart(signals);
  return 0;
}
