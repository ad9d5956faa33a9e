/* dns.h - a name server on the test's own loop, on a free port. */
#ifndef SUPPORT_DNS_H
#define SUPPORT_DNS_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/address.h"
#include "net/loop.h"
#include "net/socket.h"

enum dns_mode {
	DNS_ANSWERS, /* every name has 127.0.0.1 and 127.0.0.2, no IPv6 */
	DNS_DENIES,  /* no name exists */
	DNS_FAILS,   /* SERVFAIL */
	DNS_SILENT,
	DNS_BABBLES /* bytes that are no answer */
};

struct dns {
	struct io io;
	int fd;
	uint16_t port;
	enum dns_mode mode;
	unsigned questions; /* for IPv4 addresses */
	uint8_t shift;      /* added to the last byte of the addresses */
	char resolv_conf[32];
};

/* Appends an A record for the question's name. */
static inline size_t
dns_put_a(uint8_t *out, uint8_t last)
{
	const uint8_t record[] = {
	    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, last};

	memcpy(out, record, sizeof(record));
	return sizeof(record);
}

/* Turns the question of LENGTH bytes in MESSAGE into its answer. */
static inline size_t
dns_answer(struct dns *dns, uint8_t *message, size_t length)
{
	size_t at = 12;
	bool ipv4;

	while (at < length && message[at] != 0) {
		at += (size_t)message[at] + 1;
	}
	at += 5;
	ck_assert_uint_le(at, length);
	ipv4 = message[at - 3] == 1;
	dns->questions += ipv4 ? 1 : 0;
	message[2] = 0x81;
	message[3] = 0x80;
	memset(message + 6, 0, 6);
	if (dns->mode == DNS_DENIES) {
		message[3] |= 3;
	} else if (dns->mode == DNS_FAILS) {
		message[3] |= 2;
	} else if (dns->mode == DNS_BABBLES) {
		memset(message + 4, 0xff, at - 4);
	} else if (ipv4) {
		message[7] = 2;
		at += dns_put_a(message + at, (uint8_t)(1 + dns->shift));
		at += dns_put_a(message + at, (uint8_t)(2 + dns->shift));
	}
	return at;
}

static inline void
dns_on_event(struct io *io, unsigned events)
{
	struct dns *dns = list_entry(io, struct dns, io);
	uint8_t message[600];
	struct address from = {.length = sizeof(from.of)};
	ssize_t got =
	    recvfrom(dns->fd, message, 512, 0, &from.of.any, &from.length);

	(void)events;
	if (got < 17 || dns->mode == DNS_SILENT) {
		return;
	}
	(void)sendto(dns->fd, message, dns_answer(dns, message, (size_t)got), 0,
	    &from.of.any, from.length);
}

static inline void
dns_open(struct dns *dns, struct loop *loop)
{
	struct address address;
	int fd;

	*dns = (struct dns){.resolv_conf = "/tmp/weir-resolv-XXXXXX"};
	fd = mkstemp(dns->resolv_conf);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, "nameserver 127.0.0.1\n", 21), 21);
	close(fd);
	dns->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert(address_from_ip(&address, "127.0.0.1", 0));
	ck_assert_int_eq(bind(dns->fd, &address.of.any, address.length), 0);
	ck_assert_int_eq(address_of_socket(&address, dns->fd), 0);
	dns->port = address_port(&address);
	io_open(&dns->io, loop, dns->fd, dns_on_event);
	io_set(&dns->io, IO_READ);
}

static inline void
dns_close(struct dns *dns)
{
	io_close(&dns->io);
	socket_close(&dns->fd);
	(void)unlink(dns->resolv_conf);
}

#endif
