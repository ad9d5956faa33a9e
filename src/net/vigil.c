/*
 * vigil.c - finds connections whose other end has vanished.
 *
 * It goes round the descriptors by number, a few at a time, and asks the system
 * about each. So it needs no list of connections, holds no pointer to any, and
 * looks after libpq's as well.
 *
 * Who is there and does not read answers each probe of its window; the count of
 * unanswered ones goes back to zero. Who has vanished answers neither those nor
 * what is sent again.
 */
#include "net/vigil.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/log.h"
#include "core/mem.h"
#include "net/address.h"
#include "net/loop.h"

#define ROUND_TICKS 8
#define ROUNDS_PER_TIMEOUT 8
#define LEAST_TICK_US ((int64_t)20 * 1000)
/* Unanswered attempts that are more than one lost packet. */
#define LEAST_ATTEMPTS 2

struct vigil {
	struct loop *loop; /* borrowed */
	struct log_source log;
	struct timer tick;
	int64_t timeout_us;
	int next; /* the descriptor to be asked about next */
};

static bool
is_dead(const struct tcp_info *info, int64_t timeout_us)
{
	bool is_open = info->tcpi_state == TCP_ESTABLISHED ||
	    info->tcpi_state == TCP_CLOSE_WAIT;
	bool is_unheard = (info->tcpi_unacked > 0 &&
	                      info->tcpi_retransmits >= LEAST_ATTEMPTS) ||
	    info->tcpi_probes >= LEAST_ATTEMPTS;

	return is_open && is_unheard &&
	    (int64_t)info->tcpi_last_ack_recv * 1000 >= timeout_us;
}

/* Ends the connection FD if it is one and its other end has vanished. */
static void
look_at(struct vigil *vigil, int fd)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);
	struct address peer;
	char text[ADDRESS_TEXT_BYTES];

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
	    !is_dead(&info, vigil->timeout_us)) {
		return; /* no connection, or a good one */
	}
	if (address_of_peer(&peer, fd) == 0) {
		log_warning(&vigil->log,
		    "connection lost: nothing acknowledged for %u s peer=%s",
		    info.tcpi_last_ack_recv / 1000,
		    address_format(&peer, text, sizeof(text)));
	}
	(void)shutdown(fd, SHUT_RDWR); /* its owner sees the end */
}

static void
on_tick(struct timer *timer)
{
	struct vigil *vigil = list_entry(timer, struct vigil, tick);
	int end = loop_highest_fd(vigil->loop) + 1;
	int share = end / ROUND_TICKS + 1;

	for (int i = 0; i < share; i++) {
		if (vigil->next >= end) {
			vigil->next = 0;
			return;
		}
		look_at(vigil, vigil->next++);
	}
}

struct vigil *
vigil_new(struct loop *loop, struct logger *logger)
{
	struct vigil *vigil = mem_zalloc(sizeof(*vigil));

	vigil->loop = loop;
	vigil->log = (struct log_source){.logger = logger};
	return vigil;
}

void
vigil_free(struct vigil **vigil)
{
	if (*vigil != NULL) {
		timer_stop(&(*vigil)->tick);
		free(*vigil);
		*vigil = NULL;
	}
}

void
vigil_set_timeout(struct vigil *vigil, int64_t timeout_us)
{
	int64_t tick_us = timeout_us / (ROUNDS_PER_TIMEOUT * ROUND_TICKS);

	if (vigil->timeout_us == timeout_us) {
		return;
	}
	vigil->timeout_us = timeout_us;
	if (timeout_us == 0) {
		timer_stop(&vigil->tick);
		return;
	}
	tick_us = tick_us < LEAST_TICK_US ? LEAST_TICK_US : tick_us;
	timer_start(&vigil->tick, vigil->loop, tick_us, tick_us, on_tick);
}
