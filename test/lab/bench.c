/*
 * The wiring of the recommended build, outside all of our software: watches the pins that the gate drives, in the
 * simulator, and moves those that it reads. Mirror contacts are made (high) only while no relay is energised and none is
 * welded. Started at the highest priority of the machine, so that its times are those of the pins.
 *
 *   bench CHIP [PORT]     CHIP: directory of the sim_gpioN; PORT: where to write instead of standard output
 *
 * Says, in lines, with CLOCK_MONOTONIC milliseconds first:   12345.678 level LINE 0|1      a pin that the gate drives
 *                                                            12345.678 pull LINE 0|1       a pin that it reads, by order
 *                                                            12345.678 stall MS            it was itself kept from looking
 *                                                            12345.678 alive               every 100 ms, to a PORT only
 *                                                            12345.678 mark TEXT           by order
 * Does, by lines on standard input:   pull LINE 0|1     weld 0|1     mark TEXT
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { RELAY, RELAY2, HEARTBEAT, WATCHED };
static const int lines[WATCHED] = {17, 27, 18};
static const int CONTACT = 22;
/* Finer than anything that is measured by it, and coarse enough not to be the load itself on an emulated machine. */
static const long LOOK_NS = 1000 * 1000;
static const double STALL_MS = 3;

static const char *chip;
static int out = 1;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* What nobody has taken yet. The pins come first: a reader that is slow is never waited for, or the wiring would stand still. */
static char unsaid[1 << 20];
static size_t waiting;

static void flush(void) {
  if (waiting == 0) return;
  ssize_t written = write(out, unsaid, waiting);
  if (written <= 0) return;
  waiting -= written;
  memmove(unsaid, unsaid + written, waiting);
}

static void say(double at, const char *what, const char *rest) {
  char line[400];
  size_t length = snprintf(line, sizeof line, "%.3f %s%s%s\n", at, what, *rest ? " " : "", rest);
  if (length > sizeof unsaid - waiting) exit(3);
  memcpy(unsaid + waiting, line, length);
  waiting += length;
  flush();
}

static int file_of(int line, const char *file, int flags) {
  char path[300];
  snprintf(path, sizeof path, "%s/sim_gpio%d/%s", chip, line, file);
  int descriptor = open(path, flags | O_CLOEXEC);
  if (descriptor < 0) {
    perror(path);
    exit(1);
  }
  return descriptor;
}

static int level(int descriptor) {
  char value = 0;
  return pread(descriptor, &value, 1, 0) == 1 && value == '1';
}

static void pull(int line, int high) {
  int descriptor = file_of(line, "pull", O_WRONLY);
  const char *word = high ? "pull-up" : "pull-down";
  if (write(descriptor, word, strlen(word)) < 0) perror("pull");
  close(descriptor);
}

static int welded;

static void obey(char *order) {
  int line, high;
  char rest[60];
  if (sscanf(order, "pull %d %d", &line, &high) == 2) {
    snprintf(rest, sizeof rest, "%d %d", line, high);
    double at = now();
    pull(line, high);
    say(at, "pull", rest);
  } else if (sscanf(order, "weld %d", &high) == 1) {
    welded = high;
    say(now(), "weld", high ? "1" : "0");
  } else if (strncmp(order, "mark ", 5) == 0) {
    say(now(), "mark", order + 5);
  }
}

/* What has been ordered since the last look. Returns 0 at the end of standard input. */
static int listen_up(void) {
  static char buffer[4096];
  static size_t held;
  ssize_t got = read(0, buffer + held, sizeof buffer - 1 - held);
  if (got == 0) return 0;
  if (got < 0) return 1;
  held += got;
  buffer[held] = 0;
  char *start = buffer, *end;
  while ((end = strchr(start, '\n'))) {
    *end = 0;
    obey(start);
    start = end + 1;
  }
  held -= start - buffer;
  memmove(buffer, start, held);
  return 1;
}

int main(int count, char **words) {
  if (count < 2) return 2;
  chip = words[1];
  int ported = count > 2;
  signal(SIGTERM, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  struct sched_param priority = {.sched_priority = 90};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) perror("bench: priority");
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) perror("bench: memory");
  if (ported && (out = open(words[2], O_WRONLY | O_NONBLOCK)) < 0) {
    perror(words[2]);
    return 1;
  }
  fcntl(0, F_SETFL, O_NONBLOCK);
  fcntl(out, F_SETFL, O_WRONLY | O_NONBLOCK);
  int pins[WATCHED], levels[WATCHED], contact = file_of(CONTACT, "value", O_RDONLY);
  for (int i = 0; i < WATCHED; i++) pins[i] = file_of(lines[i], "value", O_RDONLY), levels[i] = -1;
  double looked = now(), told = 0;
  for (;;) {
    char rest[60];
    double at = now();
    if (at - looked > STALL_MS) {
      snprintf(rest, sizeof rest, "%.3f", at - looked);
      say(at, "stall", rest);
    }
    looked = at;
    for (int i = 0; i < WATCHED; i++) {
      int found = level(pins[i]);
      if (found == levels[i]) continue;
      levels[i] = found;
      snprintf(rest, sizeof rest, "%d %d", lines[i], found);
      say(now(), "level", rest);
    }
    int wanted = !(levels[RELAY] || levels[RELAY2] || welded);
    if (level(contact) != wanted) pull(CONTACT, wanted);
    if (!listen_up() && !ported) return 0;
    flush();
    if (ported && at - told > 100) say(told = at, "alive", "");
    struct timespec pause = {0, LOOK_NS};
    nanosleep(&pause, 0);
  }
}
