/*
 * file.c - a configuration file's whole text in memory.
 *
 * Files are read whole and wiped afterwards: they are small, and a password
 * must not stay behind in a freed buffer.
 */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"

static void
grow(struct file_text *text, size_t *capacity, size_t needed)
{
	char *bytes = NULL;

	bytes = mem_alloc(needed);
	if (text->size > 0) {
		memcpy(bytes, text->bytes, text->size);
		mem_wipe(text->bytes, text->size);
	}
	free(text->bytes);
	text->bytes = bytes;
	*capacity = needed;
}

/* Reads FD to its end; its size may have changed since it was asked. */
static int
read_all(int fd, const char *path, size_t max_bytes, size_t expected,
    struct file_text *out, struct error *err)
{
	size_t capacity = 0;

	/* One byte more than expected, so that the end is seen at once. */
	grow(out, &capacity, (expected < max_bytes ? expected : max_bytes) + 2);
	for (;;) {
		ssize_t got = 0;

		if (out->size + 1 >= capacity) {
			grow(out, &capacity, capacity * 2);
		}
		got =
		    read(fd, out->bytes + out->size, capacity - out->size - 1);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			error_set_errno(err, "read \"%s\"", path);
			return -1;
		}
		if (got == 0) {
			out->bytes[out->size] = '\0';
			return 0;
		}
		out->size += (size_t)got;
		if (out->size > max_bytes) {
			error_set(err, SQLSTATE_CONFIG_FILE,
			    "\"%s\" is larger than %zu bytes", path, max_bytes);
			return -1;
		}
	}
}

int
file_read(const char *path, size_t max_bytes, struct file_text *out,
    struct error *err)
{
	int ret = -1;
	struct stat status;
	/* Without O_NONBLOCK, opening a FIFO would wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		error_set_errno(err, "cannot open \"%s\"", path);
		return -1;
	}
	if (fstat(fd, &status) < 0) {
		error_set_errno(err, "cannot read \"%s\"", path);
		goto out;
	}
	if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) {
		error_set(
		    err, SQLSTATE_CONFIG_FILE, "\"%s\" is not a file", path);
		goto out;
	}
	out->device = status.st_dev;
	out->inode = status.st_ino;
	if (read_all(fd, path, max_bytes,
	        status.st_size > 0 ? (size_t)status.st_size : 0, out,
	        err) < 0) {
		goto out;
	}
	ret = 0;
out:
	if (ret < 0) {
		file_text_fini(out);
	}
	(void)close(fd); /* only read from */
	return ret;
}

void
file_text_fini(struct file_text *text)
{
	if (text->bytes != NULL) {
		mem_wipe(text->bytes, text->size);
	}
	free(text->bytes);
	*text = (struct file_text){0};
}

static int64_t
in_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

struct file_stamp
file_stamp_of(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0) {
		return (struct file_stamp){0};
	}
	return (struct file_stamp){
	    .device = status.st_dev,
	    .inode = status.st_ino,
	    .size = status.st_size,
	    .modified_ns = in_ns(&status.st_mtim),
	    .changed_ns = in_ns(&status.st_ctim),
	};
}

bool
file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->modified_ns == b->modified_ns &&
	    a->changed_ns == b->changed_ns;
}

char *
file_resolve(const char *name, const char *from)
{
	const char *slash = from == NULL ? NULL : strrchr(from, '/');
	size_t folder = 0;
	char *path = NULL;

	if (name[0] == '/' || slash == NULL || access(name, F_OK) == 0) {
		return mem_strdup(name);
	}
	folder = (size_t)(slash - from) + 1;
	path = mem_alloc(folder + strlen(name) + 1);
	memcpy(path, from, folder);
	memcpy(path + folder, name, strlen(name) + 1);
	return path;
}
