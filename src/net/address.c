/*
 * address.c - where a connection comes from or goes to: IPv4, IPv6, Unix.
 *
 * The name of an abstract Unix socket begins with a NUL and ends where .length
 * says; it is no C string.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/str.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

/* The interface that follows '%', by name or number; 0 if there is none. */
static uint32_t
scope_id(const char *scope)
{
	uint32_t index = if_nametoindex(scope);
	int64_t number;

	if (index == 0 && str_to_int64(scope, &number) && number > 0 &&
	    number <= UINT32_MAX) {
		index = (uint32_t)number;
	}
	return index;
}

bool
address_from_ip(struct address *out, const char *host, uint16_t port)
{
	struct address address = {0};
	char plain[INET6_ADDRSTRLEN];
	const char *scope = strchr(host, '%');
	size_t length = scope == NULL ? strlen(host) : (size_t)(scope - host);

	if (length >= sizeof(plain)) {
		return false;
	}
	memcpy(plain, host, length);
	plain[length] = '\0';
	if (scope == NULL &&
	    inet_pton(AF_INET, plain, &address.of.in.sin_addr) == 1) {
		address.of.in.sin_family = AF_INET;
		address.length = sizeof(address.of.in);
	} else if (inet_pton(AF_INET6, plain, &address.of.in6.sin6_addr) == 1) {
		address.of.in6.sin6_family = AF_INET6;
		address.length = sizeof(address.of.in6);
		if (scope != NULL) {
			address.of.in6.sin6_scope_id = scope_id(scope + 1);
			if (address.of.in6.sin6_scope_id == 0) {
				return false;
			}
		}
	} else {
		return false;
	}
	address_set_port(&address, port);
	*out = address;
	return true;
}

int
address_from_directory(struct address *out, const char *directory,
    uint16_t port, struct error *err)
{
	struct sockaddr_un *un = &out->of.un;
	int length;

	*out = (struct address){0};
	length = snprintf(un->sun_path, sizeof(un->sun_path), "%s/.s.PGSQL.%u",
	    directory, port);
	if (length < 0 || (size_t)length >= sizeof(un->sun_path)) {
		*out = (struct address){0};
		error_set(err, SQLSTATE_CANNOT_CONNECT,
		    "Unix socket path \"%s/.s.PGSQL.%u\" is too long (at most "
		    "%zu bytes)",
		    directory, port, sizeof(un->sun_path) - 1);
		return -1;
	}
	un->sun_family = AF_UNIX;
	out->length = (socklen_t)(PATH_AT + (size_t)length);
	out->unix_port = port;
	if (directory[0] == '@') {
		un->sun_path[0] = '\0';
	} else {
		out->length++; /* the NUL, which a path may count */
	}
	return 0;
}

bool
address_from_socket_name(struct address *out, const char *name)
{
	struct sockaddr_un *un = &out->of.un;
	size_t length = strlen(name);

	*out = (struct address){0};
	if ((name[0] != '/' && name[0] != '@') ||
	    length >= sizeof(un->sun_path)) {
		return false;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, name, length);
	out->length = (socklen_t)(PATH_AT + length);
	if (name[0] == '@') {
		un->sun_path[0] = '\0';
	} else {
		out->length++; /* the NUL, which a path may count */
	}
	return true;
}

bool
address_from_sockaddr(
    struct address *out, const struct sockaddr *from, socklen_t length)
{
	if (length > sizeof(out->of) || length < sizeof(sa_family_t)) {
		return false;
	}
	*out = (struct address){.length = length};
	memcpy(&out->of, from, length);
	return true;
}

int
address_of_socket(struct address *out, int fd)
{
	*out = (struct address){.length = sizeof(out->of)};
	return getsockname(fd, &out->of.any, &out->length);
}

int
address_of_peer(struct address *out, int fd)
{
	*out = (struct address){.length = sizeof(out->of)};
	return getpeername(fd, &out->of.any, &out->length);
}

void
address_unmap(struct address *address)
{
	const struct sockaddr_in6 *in6 = &address->of.in6;
	struct address plain = {.length = sizeof(plain.of.in)};

	if (in6->sin6_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		return;
	}
	plain.of.in.sin_family = AF_INET;
	plain.of.in.sin_port = in6->sin6_port;
	memcpy(&plain.of.in.sin_addr, &in6->sin6_addr.s6_addr[12],
	    sizeof(plain.of.in.sin_addr));
	*address = plain;
}

void
address_note_unix_port(struct address *address)
{
	static const char mark[] = "/.s.PGSQL.";
	char name[sizeof(address->of.un.sun_path) + 1] = "";
	const char *tail;
	size_t length;
	int64_t port;

	if (address->of.any.sa_family != AF_UNIX ||
	    address->length <= PATH_AT) {
		return;
	}
	length = address->length - PATH_AT;
	memcpy(name, address->of.un.sun_path, length);
	if (name[0] == '\0') {
		name[0] = '@';
	}
	tail = strrchr(name, '/');
	address->unix_port = tail != NULL &&
	        strncmp(tail, mark, sizeof(mark) - 1) == 0 &&
	        str_to_int64(tail + sizeof(mark) - 1, &port) && port > 0 &&
	        port <= UINT16_MAX
	    ? (uint16_t)port
	    : 0;
}

/* AF_UNSPEC for a zeroed address. */
static int
family(const struct address *address)
{
	return address->length == 0 ? AF_UNSPEC : address->of.any.sa_family;
}

bool
address_is_unix(const struct address *address)
{
	return family(address) == AF_UNIX;
}

bool
address_is_local(const struct address *address)
{
	switch (family(address)) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(address->of.in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&address->of.in6.sin6_addr);
	default:
		return false;
	}
}

uint16_t
address_port(const struct address *address)
{
	switch (family(address)) {
	case AF_INET:
		return ntohs(address->of.in.sin_port);
	case AF_INET6:
		return ntohs(address->of.in6.sin6_port);
	default:
		return address->unix_port;
	}
}

void
address_set_port(struct address *address, uint16_t port)
{
	if (address->of.any.sa_family == AF_INET) {
		address->of.in.sin_port = htons(port);
	} else {
		assert(address->of.any.sa_family == AF_INET6);
		address->of.in6.sin6_port = htons(port);
	}
}

bool
address_equal(const struct address *a, const struct address *b)
{
	if (family(a) != family(b) || address_port(a) != address_port(b)) {
		return false;
	}
	switch (family(a)) {
	case AF_INET:
		return a->of.in.sin_addr.s_addr == b->of.in.sin_addr.s_addr;
	case AF_INET6:
		return IN6_ARE_ADDR_EQUAL(
		           &a->of.in6.sin6_addr, &b->of.in6.sin6_addr) &&
		    a->of.in6.sin6_scope_id == b->of.in6.sin6_scope_id;
	default:
		return a->length == b->length &&
		    memcmp(&a->of, &b->of, a->length) == 0;
	}
}

bool
address_is_among(
    const struct address *address, const struct address *list, size_t count)
{
	struct address wanted = *address;

	if (address_is_unix(&wanted)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct address other = list[i];

		address_set_port(&wanted, 0);
		if (!address_is_unix(&other)) {
			address_set_port(&other, 0);
			if (address_equal(&wanted, &other)) {
				return true;
			}
		}
	}
	return false;
}

/* Writes "%interface" behind TEXT if the address has one. */
static void
add_scope(const struct sockaddr_in6 *in6, char *text, size_t size)
{
	char name[IF_NAMESIZE];
	size_t used = strlen(text);

	if (in6->sin6_scope_id == 0) {
		return;
	}
	if (if_indextoname(in6->sin6_scope_id, name) != NULL) {
		(void)snprintf(text + used, size - used, "%%%s", name);
	} else {
		(void)snprintf(
		    text + used, size - used, "%%%u", in6->sin6_scope_id);
	}
}

const char *
address_host(const struct address *address, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1] = "none";

	switch (family(address)) {
	case AF_INET:
		(void)inet_ntop(
		    AF_INET, &address->of.in.sin_addr, text, sizeof(text));
		break;
	case AF_INET6:
		(void)inet_ntop(
		    AF_INET6, &address->of.in6.sin6_addr, text, sizeof(text));
		add_scope(&address->of.in6, text, sizeof(text));
		break;
	case AF_UNIX:
		memcpy(text, "unix", sizeof("unix"));
		break;
	default:
		break;
	}
	(void)snprintf(out, size, "%s", text);
	return out;
}

/* "unix:", the directory, ':' and the port; or the whole name. */
static void
format_unix(const struct address *address, char *out, size_t size)
{
	char path[sizeof(address->of.un.sun_path) + 1] = "";
	char *slash;
	size_t length =
	    address->length > PATH_AT ? address->length - PATH_AT : 0;

	memcpy(path, address->of.un.sun_path, length);
	if (length > 0 && path[0] == '\0') {
		path[0] = '@';
	}
	slash = strrchr(path, '/');
	if (slash != NULL && address->unix_port != 0) {
		*slash = '\0';
		(void)snprintf(
		    out, size, "unix:%s:%u", path, address->unix_port);
	} else {
		(void)snprintf(out, size, "unix:%s", path);
	}
}

const char *
address_format(const struct address *address, char *out, size_t size)
{
	char host[ADDRESS_TEXT_BYTES];

	switch (family(address)) {
	case AF_UNIX:
		format_unix(address, out, size);
		break;
	case AF_INET:
		(void)snprintf(out, size, "%s:%u",
		    address_host(address, host, sizeof(host)),
		    address_port(address));
		break;
	case AF_INET6:
		(void)snprintf(out, size, "[%s]:%u",
		    address_host(address, host, sizeof(host)),
		    address_port(address));
		break;
	default:
		(void)snprintf(out, size, "none");
		break;
	}
	return out;
}

static int
peer_credentials(int fd, struct ucred *credentials)
{
	socklen_t length = sizeof(*credentials);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, &length);
}

int
address_peer_uid(int fd, uid_t *uid)
{
	struct ucred credentials;

	if (peer_credentials(fd, &credentials) != 0) {
		return -1;
	}
	*uid = credentials.uid;
	return 0;
}

int
address_peer_pid(int fd, pid_t *pid)
{
	struct ucred credentials;

	if (peer_credentials(fd, &credentials) != 0) {
		return -1;
	}
	*pid = credentials.pid;
	return 0;
}
