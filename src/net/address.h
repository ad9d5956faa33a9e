/* address.h - where a connection comes from or goes to: IPv4, IPv6, Unix. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct error;

/* Large enough for what address_format() and address_host() write. */
#define ADDRESS_TEXT_BYTES ((size_t)160)

/* Plain data. A zeroed struct is no address at all. */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} of;
	socklen_t length;   /* bytes of .of that count; 0: no address */
	uint16_t unix_port; /* the port a Unix socket's name ends in */
};

/* Takes a numeric IPv4 or IPv6 address ("10.1.2.3", "::1", "fe80::1%eth0").
 * Returns false, OUT unchanged, if HOST is none. */
bool address_from_ip(struct address *out, const char *host, uint16_t port);

/*
 * Names PostgreSQL's socket for PORT in DIRECTORY: DIRECTORY/.s.PGSQL.PORT. A
 * leading '@' means the abstract name space. Returns -1 and ERR when that is
 * longer than a socket's name may be.
 */
int address_from_directory(struct address *out, const char *directory,
    uint16_t port, struct error *err) __attribute__((warn_unused_result));

/* Takes a Unix socket's own name, "/path" or "@abstract"; false if NAME is
 * neither, or too long. */
bool address_from_socket_name(struct address *out, const char *name);

/* Takes a copy of what the system calls use; false if it is too long. */
bool address_from_sockaddr(
    struct address *out, const struct sockaddr *from, socklen_t length);

/* The two ends of a connected or bound socket; -1 and errno on failure. */
int address_of_socket(struct address *out, int fd);
int address_of_peer(struct address *out, int fd);

/* Makes an IPv4 address that came in by an IPv6 socket ("::ffff:10.1.2.3") the
 * IPv4 address it is. */
void address_unmap(struct address *address);

/* Fills .unix_port from the end of a Unix socket's name (.s.PGSQL.PORT); 0 if
 * it does not end so. */
void address_note_unix_port(struct address *address);

bool address_is_unix(const struct address *address);

/* True for what never leaves this machine: Unix, 127.0.0.0/8, ::1. */
bool address_is_local(const struct address *address);

uint16_t address_port(const struct address *address);
/* Only for IPv4 and IPv6. */
void address_set_port(struct address *address, uint16_t port);

/* Same family, host and port; for Unix sockets, same name. */
bool address_equal(const struct address *a, const struct address *b);

/* Whether one of LIST, COUNT of them, has ADDRESS but for the port. */
bool address_is_among(
    const struct address *address, const struct address *list, size_t count);

/*
 * Both write at most SIZE bytes with the NUL and return OUT. For logs:
 * "10.1.2.3:5432", "[::1]:5432", "unix:/tmp:5432", "unix:@app:5432", "none".
 * Host alone, as SHOW CLIENTS has it: "10.1.2.3", "::1", "unix".
 */
const char *address_format(
    const struct address *address, char *out, size_t size);
const char *address_host(const struct address *address, char *out, size_t size);

/* The user id of the process at the other end of a Unix socket, as it was when
 * that connected; -1 and errno on failure. */
int address_peer_uid(int fd, uid_t *uid);

/* As address_peer_uid(), its process id. */
int address_peer_pid(int fd, pid_t *pid);

#endif
