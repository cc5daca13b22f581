#include "support/file.h"

#include "support/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static wfc_status fail_errno(wfc_diag *diag, const char *path, const char *what) {
    int reason = errno;
    return wfc_fail(diag, WFC_ERR_IO, "WFC-E0001", path, "cannot %s: %s", what, strerror(reason));
}

/* Reads until end of file. The size from fstat is a hint only: the file may shrink or grow meanwhile. */
static wfc_status read_all(int fd, const char *path, size_t hint, size_t max_bytes, wfc_diag *diag, wfc_buf *out) {
    wfc_status s = wfc_vec_reserve(out, hint + 1);
    while (s == WFC_OK) {
        if (out->capacity - out->count < 2) s = wfc_vec_reserve(out, 64 * 1024);
        if (s != WFC_OK) break;
        size_t room = out->capacity - out->count - 1;
        ssize_t got = read(fd, out->data + out->count, room > 1u << 30 ? 1u << 30 : room);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(diag, path, "read");
        if (got == 0) {
            out->data[out->count] = '\0';
            return WFC_OK;
        }
        out->count += (size_t)got;
        if (out->count > max_bytes)
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0003", path, "the file is larger than the limit of %zu bytes",
                            max_bytes);
    }
    return wfc_fail_memory(diag);
}

wfc_status wfc_file_read(const char *path, size_t max_bytes, wfc_diag *diag, uint8_t **out_bytes, size_t *out_size) {
    *out_bytes = NULL;
    *out_size = 0;
    /* O_NONBLOCK so that opening a pipe nobody writes to does not hang; regular files ignore it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return fail_errno(diag, path, "open for reading");
    struct stat st;
    wfc_status s;
    wfc_buf buf = {0};
    if (fstat(fd, &st) != 0) {
        s = fail_errno(diag, path, "examine");
    } else if (!S_ISREG(st.st_mode)) {
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0002", path, "not a regular file; give the path of a file");
    } else if ((uint64_t)st.st_size > max_bytes) {
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0003", path, "the file has %lld bytes, the limit is %zu bytes",
                     (long long)st.st_size, max_bytes);
    } else {
        s = read_all(fd, path, (size_t)st.st_size, max_bytes, diag, &buf);
    }
    close(fd);
    if (s != WFC_OK) {
        wfc_buf_deinit(&buf);
        return s;
    }
    *out_bytes = (uint8_t *)buf.data;
    *out_size = buf.count;
    return WFC_OK;
}

/* A name beside `path` that no other process uses: O_EXCL finds out. The result is deterministic in content, only the
 * temporary's name depends on the process. */
static int open_temporary(const char *path, char **out_name) {
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        char *name = wfc_asprintf("%s.%ld.%u.tmp", path, (long)getpid(), attempt);
        if (!name) {
            errno = ENOMEM;
            return -1;
        }
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            *out_name = name;
            return fd;
        }
        int reason = errno;
        wfc_free(name);
        errno = reason;
        if (reason != EEXIST) return -1;
    }
    return -1;
}

wfc_status wfc_atomic_open(wfc_atomic_file *f, const char *path, wfc_diag *diag) {
    *f = (wfc_atomic_file){0};
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return wfc_fail(diag, WFC_ERR_IO, "WFC-E0004", path,
                        "not a regular file, so it cannot be replaced as a whole; give another output path");
    f->path = wfc_strdup(path);
    if (!f->path) return wfc_fail_memory(diag);
    int fd = open_temporary(path, &f->tmp_path);
    if (fd < 0) {
        wfc_status s = errno == ENOMEM ? wfc_fail_memory(diag)
                                       : fail_errno(diag, path, "create a temporary file beside the output");
        wfc_atomic_abandon(f);
        return s;
    }
    f->fp = fdopen(fd, "wb");
    if (!f->fp) {
        wfc_status s = fail_errno(diag, path, "open the temporary file");
        close(fd);
        wfc_atomic_abandon(f);
        return s;
    }
    return WFC_OK;
}

wfc_status wfc_atomic_write(wfc_atomic_file *f, const void *bytes, size_t size, wfc_diag *diag) {
    errno = 0; /* told now: a later flush would not know the reason any more */
    if (size == 0 || fwrite(bytes, 1, size, f->fp) == size) return WFC_OK;
    if (errno == 0) errno = EIO;
    wfc_status s = fail_errno(diag, f->path, "write");
    wfc_atomic_abandon(f);
    return s;
}

/* After the rename the folder entry itself is synced; file systems that cannot sync folders say EINVAL. */
static int sync_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? wfc_strdup(".") : wfc_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!folder) return 0; /* the data is already safe under its name */
    int fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    wfc_free(folder);
    if (fd < 0) return 0; /* a folder may be writable and not readable */
    int bad = fsync(fd) != 0 && errno == EIO;
    close(fd);
    return bad ? -1 : 0;
}

wfc_status wfc_atomic_commit(wfc_atomic_file *f, wfc_diag *diag) {
    wfc_status s = WFC_OK;
    errno = 0;
    /* ferror first: a write that failed earlier (disk full) must not be hidden by a flush that works now. */
    if (ferror(f->fp) || fflush(f->fp) != 0 || fsync(fileno(f->fp)) != 0) {
        if (errno == 0) errno = EIO;
        s = fail_errno(diag, f->path, "write");
    }
    int closed = fclose(f->fp);
    f->fp = NULL;
    if (s == WFC_OK && closed != 0) s = fail_errno(diag, f->path, "write");
    if (s == WFC_OK && rename(f->tmp_path, f->path) != 0) s = fail_errno(diag, f->path, "move the finished file to");
    if (s == WFC_OK) {
        wfc_free(f->tmp_path);
        f->tmp_path = NULL;
        if (sync_folder_of(f->path) != 0) s = fail_errno(diag, f->path, "sync the folder of");
    }
    wfc_atomic_abandon(f);
    return s;
}

void wfc_atomic_abandon(wfc_atomic_file *f) {
    if (f->fp) fclose(f->fp);
    if (f->tmp_path) unlink(f->tmp_path);
    wfc_free(f->tmp_path);
    wfc_free(f->path);
    *f = (wfc_atomic_file){0};
}

wfc_status wfc_file_write(const char *path, const void *bytes, size_t size, wfc_diag *diag) {
    wfc_atomic_file f;
    WFC_TRY(wfc_atomic_open(&f, path, diag));
    WFC_TRY(wfc_atomic_write(&f, bytes, size, diag));
    return wfc_atomic_commit(&f, diag);
}
