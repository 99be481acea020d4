/* Makes a disk fail on command, for the program that this is preloaded into (LD_PRELOAD).
 *
 * DISK_FAULTS names a file of rules, read at every call, one a line:
 *     CALL ERRNO DELAY_MS PART_OF_THE_PATH
 * A call whose path holds that part waits DELAY_MS and then fails with ERRNO, or goes on where ERRNO is 0. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int load(char *rules, size_t room) {
    const char *path = getenv("DISK_FAULTS");
    long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    long size = syscall(SYS_read, fd, rules, room - 1);
    syscall(SYS_close, fd);
    rules[size > 0 ? size : 0] = 0;
    return size > 0;
}

/* 0 or the error that a call on this path has to fail with. */
static int fault(const char *call, const char *path) {
    char rules[4096], name[32], part[PATH_MAX];
    int saved = errno, number, delay_ms, found = 0;
    if (load(rules, sizeof rules))
        for (char *rest = rules, *line; (line = strsep(&rest, "\n"));)
            if (sscanf(line, "%31s %d %d %4095s", name, &number, &delay_ms, part) == 4 && !strcmp(name, call) &&
                strstr(path, part)) {
                struct timespec wait = {delay_ms / 1000, delay_ms % 1000 * 1000000L};
                nanosleep(&wait, 0);
                found = number;
                break;
            }
    errno = saved;
    return found;
}

static int fault_at(const char *call, int folder, const char *name) {
    char link[64], path[2 * PATH_MAX];
    if (name[0] == '/' || folder == AT_FDCWD) return fault(call, name);
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX);
    if (size < 0) return 0;
    snprintf(path + size, sizeof path - (size_t)size, "/%s", name);
    return fault(call, path);
}

static int fault_fd(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return fault(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(what)                                                                                                     \
    do {                                                                                                               \
        int number = (what);                                                                                           \
        if (number) { errno = number; return -1; }                                                                     \
    } while (0)
#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
#define OPENING(flags) ((flags) & O_CREAT ? "create" : "open")

int open(const char *path, int flags, ...) { MODE(flags) FAIL(fault(OPENING(flags), path)); return REAL(open)(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) FAIL(fault(OPENING(flags), path)); return REAL(open64)(path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) FAIL(fault_at(OPENING(flags), at, path)); return REAL(openat)(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) FAIL(fault_at(OPENING(flags), at, path)); return REAL(openat64)(at, path, flags, mode); }
ssize_t write(int fd, const void *data, size_t size) { FAIL(fault_fd("write", fd)); return REAL(write)(fd, data, size); }
ssize_t writev(int fd, const struct iovec *data, int count) { FAIL(fault_fd("write", fd)); return REAL(writev)(fd, data, count); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { FAIL(fault_fd("write", fd)); return REAL(pwrite)(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { FAIL(fault_fd("write", fd)); return REAL(pwrite64)(fd, data, size, at); }
ssize_t read(int fd, void *data, size_t size) { FAIL(fault_fd("read", fd)); return REAL(read)(fd, data, size); }
int ftruncate(int fd, off_t size) { FAIL(fault_fd("truncate", fd)); return REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { FAIL(fault_fd("truncate", fd)); return REAL(ftruncate64)(fd, size); }
int fsync(int fd) { FAIL(fault_fd("fsync", fd)); return REAL(fsync)(fd); }
int fdatasync(int fd) { FAIL(fault_fd("fdatasync", fd)); return REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { FAIL(fault("rename", from)); return REAL(rename)(from, to); }
int renameat(int at, const char *from, int to_at, const char *to) { FAIL(fault_at("rename", at, from)); return REAL(renameat)(at, from, to_at, to); }
int unlink(const char *path) { FAIL(fault("unlink", path)); return REAL(unlink)(path); }
int unlinkat(int at, const char *path, int flags) { FAIL(fault_at("unlink", at, path)); return REAL(unlinkat)(at, path, flags); }
int mkdir(const char *path, mode_t mode) { FAIL(fault("mkdir", path)); return REAL(mkdir)(path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { FAIL(fault_at("mkdir", at, path)); return REAL(mkdirat)(at, path, mode); }
