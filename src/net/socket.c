/* socket.c - what is set on every socket we use. */
#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/settings.h"

struct socket_options
socket_options_of(const struct settings *settings)
{
	return (struct socket_options){
	    .keepalive = settings->tcp_keepalive,
	    .keep_idle_s = settings->tcp_keepidle,
	    .keep_interval_s = settings->tcp_keepintvl,
	    .keep_count = settings->tcp_keepcnt,
	    .user_timeout_ms = settings->tcp_user_timeout,
	    .buffer_bytes = settings->tcp_socket_buffer,
	};
}

int
socket_open(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void
set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

void
socket_apply(int fd, const struct socket_options *options)
{
	static const struct socket_options none;
	const struct socket_options *o = options == NULL ? &none : options;
	int family = AF_UNSPEC;
	socklen_t length = sizeof(family);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	if (o->buffer_bytes > 0) {
		set(fd, SOL_SOCKET, SO_RCVBUF, o->buffer_bytes);
		set(fd, SOL_SOCKET, SO_SNDBUF, o->buffer_bytes);
	}
	if (family != AF_INET && family != AF_INET6) {
		return;
	}
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, o->keepalive);
	if (o->keepalive && o->keep_idle_s > 0) {
		set(fd, IPPROTO_TCP, TCP_KEEPIDLE, o->keep_idle_s);
	}
	if (o->keepalive && o->keep_interval_s > 0) {
		set(fd, IPPROTO_TCP, TCP_KEEPINTVL, o->keep_interval_s);
	}
	if (o->keepalive && o->keep_count > 0) {
		set(fd, IPPROTO_TCP, TCP_KEEPCNT, o->keep_count);
	}
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, o->user_timeout_ms);
}

/* Gives option NAME of FD the value it has in FRESH, divided by SHARE. */
static void
copy(int fd, int fresh, int level, int name, int share)
{
	int value;
	socklen_t length = sizeof(value);

	if (getsockopt(fresh, level, name, &value, &length) == 0) {
		set(fd, level, name, value / share);
	}
}

/* Lets the system choose the buffers' sizes again, and change them as it does
 * where nobody has set them. See socket(7), SO_RCVBUF: it doubles what is set.
 */
static void
release_buffers(int fd, int fresh)
{
	copy(fd, fresh, SOL_SOCKET, SO_RCVBUF, 2);
	copy(fd, fresh, SOL_SOCKET, SO_SNDBUF, 2);
#ifdef SO_BUF_LOCK
	set(fd, SOL_SOCKET, SO_BUF_LOCK, 0);
#endif
}

void
socket_reapply(int fd, const struct socket_options *options)
{
	int family = AF_UNSPEC;
	socklen_t length = sizeof(family);
	int fresh;

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	fresh = socket_open(family);
	if (fresh != -1 && family != AF_UNIX) {
		copy(fd, fresh, IPPROTO_TCP, TCP_KEEPIDLE, 1);
		copy(fd, fresh, IPPROTO_TCP, TCP_KEEPINTVL, 1);
		copy(fd, fresh, IPPROTO_TCP, TCP_KEEPCNT, 1);
	}
	if (fresh != -1 && options->buffer_bytes == 0) {
		release_buffers(fd, fresh);
	}
	socket_close(&fresh);
	socket_apply(fd, options);
}

void
socket_close(int *fd)
{
	if (*fd != -1) {
		(void)close(*fd); /* nothing can be done about a failure */
		*fd = -1;
	}
}
