/* System calls on files below a folder: counted, recorded, and one of them made to fail. For LD_PRELOAD.

   arm(folder, target, mode, error): the call number `target` (from 1) on files below `folder`
     mode 1   fails with `error`
     mode 2   writes half of what it shall, and succeeds; opening, flushing and cutting are interrupted (EINTR)
     mode 3   writes half, and every write after it fails with `error`, as on a full disk
     mode 4   does not happen: SIGKILL
     mode 5   happens, by half if it writes, then SIGKILL
   record(file): from now on every call is appended to the file (-1: no more) as
     letter, 3 lengths, offset, path, second path, data. */

#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static int target, mode, error, full, log_file = -1;
static volatile int count;

void arm(const char *where, int number, int how, int code) {
    snprintf(folder, sizeof folder, "%s", where);
    target = number, mode = how, error = code, count = full = 0;
}
int disarm(void) { folder[0] = 0; return count; }
void record(int file) { log_file = file; }

static int below(const char *path) { return folder[0] && path && !strncmp(path, folder, strlen(folder)); }

static int file_below(int file, char *path) {
    char link[64];
    int saved = errno;
    if (!folder[0] || file < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
    errno = saved;
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static void put(char letter, const char *a, const char *b, uint64_t offset, const void *data, size_t size) {
    if (log_file < 0) return;
    uint32_t sizes[3] = {(uint32_t)strlen(a), (uint32_t)strlen(b), (uint32_t)size};
    struct iovec parts[] = {{&letter, 1}, {sizes, 12}, {&offset, 8}, {(void *)a, sizes[0]}, {(void *)b, sizes[1]}, {(void *)data, size}};
    syscall(SYS_writev, log_file, parts, 6);
}

static int turn(void) { return ++count == target ? mode : 0; }
static void die(void) { syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); }
static int fails(int how) {
    if (how == 1 || how == 3) { errno = error; return 1; }
    if (how == 4) die();
    return 0;
}

static int interrupted(int how) { errno = how == 2 ? EINTR : errno; return how == 2; }

static ssize_t put_bytes(int file, const void *data, size_t size, off_t at, int placed) {
    char path[PATH_MAX];
    if (!file_below(file, path)) return placed ? syscall(SYS_pwrite64, file, data, size, at) : syscall(SYS_write, file, data, size);
    int how = turn();
    if (full || how == 1) { errno = error; return -1; }
    if (how == 4) die();
    if (how) size = size > 1 ? size / 2 : size;
    full = how == 3;
    struct stat about;
    off_t offset = placed ? at : syscall(SYS_lseek, file, 0, SEEK_CUR);
    if (syscall(SYS_fcntl, file, F_GETFL) & O_APPEND && !fstat(file, &about)) offset = about.st_size;
    ssize_t done = placed ? syscall(SYS_pwrite64, file, data, size, at) : syscall(SYS_write, file, data, size);
    if (done > 0) put('w', path, "", offset, data, done);
    if (how == 5) die();
    return done;
}

ssize_t write(int file, const void *data, size_t size) { return put_bytes(file, data, size, 0, 0); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return put_bytes(file, data, size, at, 1); }
ssize_t pwrite64(int file, const void *data, size_t size, off_t at) { return put_bytes(file, data, size, at, 1); }
ssize_t writev(int file, const struct iovec *parts, int n) {
    char path[PATH_MAX];
    if (!file_below(file, path)) return syscall(SYS_writev, file, parts, n);
    return n ? put_bytes(file, parts[0].iov_base, parts[0].iov_len, 0, 0) : 0; /* a short write is one */
}

static int opened(int place, const char *path, int flags, mode_t rights) {
    if (!below(path)) return syscall(SYS_openat, place, path, flags, rights);
    int how = turn();
    if (fails(how) || interrupted(how)) return -1;
    struct stat about;
    int fresh = stat(path, &about) != 0;
    int file = syscall(SYS_openat, place, path, flags, rights);
    if (file >= 0 && fresh) put('c', path, "", 0, "", 0);
    if (file >= 0 && !fresh && flags & O_TRUNC) put('t', path, "", 0, "", 0);
    if (how == 5) die();
    return file;
}
#define RIGHTS mode_t rights = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); rights = va_arg(more, int); va_end(more); }
int open(const char *path, int flags, ...) { RIGHTS return opened(AT_FDCWD, path, flags, rights); }
int open64(const char *path, int flags, ...) { RIGHTS return opened(AT_FDCWD, path, flags, rights); }
int openat(int place, const char *path, int flags, ...) { RIGHTS return opened(place, path, flags, rights); }
int openat64(int place, const char *path, int flags, ...) { RIGHTS return opened(place, path, flags, rights); }

#define ON_FILE(letter, offset, call)                                   \
    char path[PATH_MAX];                                                \
    if (!file_below(file, path)) return call;                           \
    int how = turn();                                                   \
    if (fails(how) || interrupted(how)) return -1;                      \
    int result = call;                                                  \
    if (!result) put(letter, path, "", offset, "", 0);                  \
    if (how == 5) die();                                                \
    return result;
int fsync(int file) { ON_FILE('s', 0, syscall(SYS_fsync, file)) }
int fdatasync(int file) { ON_FILE('s', 0, syscall(SYS_fdatasync, file)) }
int ftruncate(int file, off_t size) { ON_FILE('t', size, syscall(SYS_ftruncate, file, size)) }
int ftruncate64(int file, off_t size) { ON_FILE('t', size, syscall(SYS_ftruncate, file, size)) }
int close(int file) {
    char path[PATH_MAX];
    if (!file_below(file, path)) return syscall(SYS_close, file);
    int how = turn();
    if (how == 4) die();
    int result = syscall(SYS_close, file); /* also where it fails */
    if (how == 5) die();
    return fails(how) ? -1 : result;
}

#define ON_PATH(letter, a, b, call)                                     \
    if (!below(a)) return call;                                         \
    int how = turn();                                                   \
    if (fails(how)) return -1;                                          \
    int result = call;                                                  \
    if (!result) put(letter, a, b, 0, "", 0);                           \
    if (how == 5) die();                                                \
    return result;
int rename(const char *a, const char *b) { ON_PATH('r', a, b, syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0)) }
int renameat(int x, const char *a, int y, const char *b) { ON_PATH('r', a, b, syscall(SYS_renameat2, x, a, y, b, 0)) }
int renameat2(int x, const char *a, int y, const char *b, unsigned f) { ON_PATH('r', a, b, syscall(SYS_renameat2, x, a, y, b, f)) }
int unlink(const char *a) { ON_PATH('u', a, "", syscall(SYS_unlinkat, AT_FDCWD, a, 0)) }
int unlinkat(int x, const char *a, int flags) { ON_PATH('u', a, "", syscall(SYS_unlinkat, x, a, flags)) }
int mkdir(const char *a, mode_t rights) { ON_PATH('m', a, "", syscall(SYS_mkdirat, AT_FDCWD, a, rights)) }
int chmod(const char *a, mode_t rights) { ON_PATH('x', a, "", syscall(SYS_fchmodat, AT_FDCWD, a, rights, 0)) }
