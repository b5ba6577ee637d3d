/* Bytes moved past the program: splice, tee, vmsplice, and what they wait for. */
#include "../report.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

static _Alignas(4096) char text[300000];

static void show(const char *what, int fd) {
  long length = read(fd, text, 100);
  if (length < 0) report(what, -1);
  else printf("%s: %.*s\n", what, (int)length, text);
}

int main(void) {
  int a[2], b[2];
  must("pipe", pipe2(a, O_NONBLOCK));
  must("pipe", pipe(b));
  int file = must("open", open("f", O_CREAT | O_RDWR, 0600));
  must("write", write(file, "0123456789", 10));
  must("seek", lseek(file, 2, SEEK_SET));

  report("file to pipe", splice(file, NULL, a[1], NULL, 3, 0));
  show("got", a[0]);
  long long offset = 7;
  report("at an offset", splice(file, (off_t *)&offset, a[1], NULL, 100, 0));
  printf("offset %lld, own %ld\n", offset, (long)lseek(file, 0, SEEK_CUR));
  report("tee", tee(a[0], b[1], 100, 0));
  show("copied", b[0]);
  report("pipe to pipe", splice(a[0], NULL, b[1], NULL, 2, 0));
  show("moved", b[0]);
  show("left", a[0]);
  must("write", write(b[1], "words", 5));
  offset = 20;
  report("pipe to file", splice(b[0], NULL, file, (off_t *)&offset, 100, 0));
  printf("offset %lld, size %ld\n", offset, (long)lseek(file, 0, SEEK_END));
  report("at the end of a file", splice(file, NULL, a[1], NULL, 10, 0));

  report("nothing there", splice(b[0], NULL, a[1], NULL, 10, SPLICE_F_NONBLOCK));
  report("a pipe that does not wait", splice(a[0], NULL, b[1], NULL, 10, 0));
  report("no pipe", splice(file, NULL, file, NULL, 10, 0));
  report("the same pipe", splice(a[0], NULL, a[1], NULL, 10, 0));
  offset = 0;
  report("a pipe's offset", splice(a[0], (off_t *)&offset, file, NULL, 10, 0));
  report("not to be written", splice(file, NULL, a[0], NULL, 10, 0));
  report("flags", splice(file, NULL, a[1], NULL, 10, 64));
  report("tee of a file", tee(file, a[1], 10, 0));
  int append = must("open", open("f", O_WRONLY | O_APPEND));
  must("write", write(b[1], "x", 1));
  report("to the end", splice(b[0], NULL, append, NULL, 1, 0));
  show("kept", b[0]);

  struct iovec parts[2] = {{"ab", 2}, {"cd", 2}};
  report("vmsplice", vmsplice(b[1], parts, 2, 0));
  show("given", b[0]);
  report("vmsplice of a file", vmsplice(file, parts, 2, 0));

  fflush(stdout);
  int child = must("fork", fork());
  if (child == 0) {
    usleep(20000);
    write(b[1], "late", 4);
    _exit(0);
  }
  report("waits for bytes", splice(b[0], NULL, file, NULL, 100, 0));
  waitpid(child, NULL, 0);

  must("size", fcntl(b[1], F_SETPIPE_SZ, 65536));
  struct iovec much[2] = {{text, 40960}, {text, 40960}};
  report("vmsplice of what fits", vmsplice(b[1], much, 2, 0));
  report("vmsplice into a full pipe", vmsplice(b[1], much, 2, SPLICE_F_NONBLOCK));
  much[0].iov_len = 65536;
  report("vmsplice out of it", vmsplice(b[0], much, 1, 0));
  report("vmsplice out of an empty one", vmsplice(b[0], much, 1, SPLICE_F_NONBLOCK));
  report("vmsplice of nothing", vmsplice(b[1], much, 0, 0));
  must("fill", write(b[1], text, 65536));
  fflush(stdout);
  child = must("fork", fork());
  if (child == 0) {
    usleep(20000);
    for (long left = 65536; left > 0;) left -= read(b[0], text, 65536);
    _exit(0);
  }
  lseek(file, 0, SEEK_SET);
  report("waits for room", splice(file, NULL, b[1], NULL, 5, 0));
  waitpid(child, NULL, 0);
  show("then", b[0]);
  close(b[1]);
  report("no writer left", splice(b[0], NULL, file, NULL, 100, 0));
  signal(SIGPIPE, SIG_IGN);
  close(a[0]);
  report("no reader left", splice(file, NULL, a[1], NULL, 1, 0));

  must("pipe", pipe(a));
  offset = 1;
  report("sendfile to a pipe", sendfile(a[1], file, (off_t *)&offset, 4));
  printf("offset %lld\n", offset);
  show("sent", a[0]);
  int other = must("open", open("g", O_CREAT | O_RDWR, 0600));
  lseek(file, 0, SEEK_SET);
  report("sendfile to a file", sendfile(other, file, NULL, 6));
  report("sendfile to the end", sendfile(append, file, NULL, 6));
  offset = 2;
  report("copy_file_range", copy_file_range(file, (off_t *)&offset, other, NULL, 3, 0));
  printf("offset %lld, other %ld\n", offset, (long)lseek(other, 0, SEEK_CUR));
  report("copy flags", copy_file_range(file, NULL, other, NULL, 3, 1));
  report("copy from a pipe", copy_file_range(a[0], NULL, other, NULL, 3, 0));
  offset = 1;
  long long to = 2;
  report("overlapping", copy_file_range(file, (off_t *)&offset, file, (off_t *)&to, 4, 0));
  return 0;
}
