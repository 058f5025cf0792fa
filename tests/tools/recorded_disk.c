/* What a process did to a folder, in order: each name made, moved and removed, each octet written, each sync.
 *
 * Preloaded, with RECORD_ROOT (a folder) and RECORD_LOG (a file). One record is a line of fields between tabs, followed by
 * as many octets as its last field says. Files are told by their inode, names by their whole path. What was recorded is
 * played back by cut_disk.py. Build: gcc -shared -fPIC -O1 -o recorded_disk.so recorded_disk.c -ldl -lpthread */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static int book = -1;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)
#define LOCK pthread_mutex_lock(&one_at_a_time)
#define UNLOCK pthread_mutex_unlock(&one_at_a_time)

static int is_ours(const char *path) {
    const char *root = getenv("RECORD_ROOT");
    size_t length = root ? strlen(root) : 0;
    return length && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int whole(int folder, const char *path, char *out) {
    char place[PATH_MAX], link[64];
    if (path[0] == '/') return snprintf(out, PATH_MAX, "%s", path), is_ours(out);
    if (folder == AT_FDCWD) {
        if (!getcwd(place, sizeof place)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t got = readlink(link, place, sizeof place - 1);
        if (got < 0) return 0;
        place[got] = 0;
    }
    return snprintf(out, PATH_MAX, "%.2000s/%.2000s", place, path), is_ours(out);
}

static int path_of(int file, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t got = readlink(link, out, PATH_MAX - 1);
    if (got < 0) return 0;
    out[got] = 0;
    return is_ours(out);
}

static void told(const char *head, const void *data, size_t size) {
    int before = errno;
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (book < 0) {
        REAL(int, "open", const char *, int, ...);
        book = real(getenv("RECORD_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    struct iovec parts[2] = {{(void *)head, strlen(head)}, {(void *)data, size}};
    if (real(book, parts, 2) < 0) abort();
    errno = before;
}

static void of_file(const char *what, int file, long long at, const void *data, size_t size) {
    char path[PATH_MAX], head[PATH_MAX + 128];
    struct stat found;
    if (!path_of(file, path) || fstat(file, &found)) return;
    snprintf(head, sizeof head, "%s\t%llu\t%s\t%lld\t%zu\n", what, (unsigned long long)found.st_ino, path, at, size);
    told(head, data, size);
}

static void of_names(const char *what, const char *one, const char *two) {
    char head[2 * PATH_MAX + 64];
    snprintf(head, sizeof head, "%s\t%s\t%s\t0\n", what, one, two);
    told(head, "", 0);
}

static int opened(const char *name, int folder, const char *path, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, ...);
    char place[PATH_MAX];
    struct stat found;
    (void)name;
    LOCK;
    int here = whole(folder, path, place), is_new = here && (flags & O_CREAT) && lstat(place, &found) != 0;
    int file = real(folder, path, flags, mode);
    if (file >= 0 && is_new) of_file("create", file, 0, "", 0);
    if (file >= 0 && here && (flags & O_TRUNC)) of_file("truncate", file, 0, "", 0);
    UNLOCK;
    return file;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0; \
        va_end(more); return opened(#name, AT_FDCWD, path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0; \
        va_end(more); return opened(#name, folder, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    LOCK;
    long long at = (fcntl(file, F_GETFL) & O_APPEND) ? lseek(file, 0, SEEK_END) : lseek(file, 0, SEEK_CUR);
    ssize_t done = real(file, data, size);
    if (done > 0 && at >= 0) of_file("write", file, at, data, (size_t)done);
    UNLOCK;
    return done;
}

#define PWRITE(name) \
    ssize_t name(int file, const void *data, size_t size, off_t at) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        LOCK; \
        ssize_t done = real(file, data, size, at); \
        if (done > 0) of_file("write", file, at, data, (size_t)done); \
        UNLOCK; \
        return done; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(name) \
    int name(int file, off_t size) { \
        REAL(int, #name, int, off_t); \
        LOCK; \
        int done = real(file, size); \
        if (done == 0) of_file("truncate", file, size, "", 0); \
        UNLOCK; \
        return done; \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name) \
    int name(int file) { \
        REAL(int, #name, int); \
        LOCK; \
        int done = real(file); \
        if (done == 0) of_file("sync", file, 0, "", 0); \
        UNLOCK; \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)

static int two_names(const char *what, int from, const char *one, int to, const char *two, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    int ours = whole(from, one, first) | whole(to, two, second);
    LOCK;
    int done;
    if (what[0] == 'r') {
        REAL(int, "renameat", int, const char *, int, const char *);
        done = real(from, one, to, two);
    } else {
        REAL(int, "linkat", int, const char *, int, const char *, int);
        done = real(from, one, to, two, flags);
    }
    if (done == 0 && ours) of_names(what, first, second);
    UNLOCK;
    return done;
}

int rename(const char *one, const char *two) { return two_names("rename", AT_FDCWD, one, AT_FDCWD, two, 0); }
int renameat(int a, const char *one, int b, const char *two) { return two_names("rename", a, one, b, two, 0); }
int link(const char *one, const char *two) { return two_names("link", AT_FDCWD, one, AT_FDCWD, two, 0); }
int linkat(int a, const char *one, int b, const char *two, int flags) { return two_names("link", a, one, b, two, flags); }

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char place[PATH_MAX];
    int ours = whole(folder, path, place);
    LOCK;
    int done = real(folder, path, flags);
    if (done == 0 && ours) of_names("remove", place, "");
    UNLOCK;
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    char place[PATH_MAX];
    int ours = whole(folder, path, place);
    LOCK;
    int done = real(folder, path, mode);
    if (done == 0 && ours) of_names("folder", place, "");
    UNLOCK;
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
