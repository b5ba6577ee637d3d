/*
 * The first process of an aarch64 machine that has Node on it: gives it what a machine has (proc, a loopback interface), runs
 * the commands of /commands one by one and powers off. Prints "STATUS", the command's wait status, after each.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void prepare(void) {
  static const char *const places[][2] = { { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "tmpfs", "/tmp" } };
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    mkdir(places[i][1], 0755);
    if (mount(places[i][0], places[i][1], places[i][0], 0, NULL) != 0) perror(places[i][1]);
  }
  chmod("/tmp", 01777);
  int any = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq loopback = { .ifr_name = "lo" };
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(any, SIOCSIFFLAGS, &loopback) != 0) perror("lo");
  close(any);
  setenv("PATH", "/bin", 1);
  setenv("HOME", "/root", 1);
}

int main(void) {
  prepare();
  FILE *commands = fopen("/commands", "r");
  char line[4096];
  while (commands != NULL && fgets(line, sizeof line, commands) != NULL) {
    char *words[64];
    int count = 0;
    for (char *word = strtok(line, " \n"); word != NULL && count < 63; word = strtok(NULL, " \n")) words[count++] = word;
    words[count] = NULL;
    if (count == 0) continue;
    pid_t child = fork();
    if (child == 0) {
      execv(words[0], words);
      perror(words[0]);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("STATUS %d\n", status);
    fflush(stdout);
  }
  sync();
  reboot(RB_POWER_OFF);
  return 0;
}
