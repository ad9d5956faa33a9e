/* hba_net.h - ranges of addresses, and those of our own interfaces. */
#ifndef AUTH_HBA_NET_H
#define AUTH_HBA_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/hba_rule.h"

struct address;
struct buf;
struct error;

enum hba_net_result {
	HBA_NET_WHOLE,      /* address and mask */
	HBA_NET_NEEDS_MASK, /* an address: its mask is a field of its own */
	HBA_NET_NAME,       /* no address: a host name */
	HBA_NET_WRONG       /* ERR says why */
};

/*
 * Reads TEXT, an IPv4 or IPv6 address with or without "/bits", into NET. An
 * address ::ffff:a.b.c.d is the IPv4 one: clients that come so are IPv4 here.
 */
enum hba_net_result hba_net_parse(
    const char *text, struct hba_net *net, struct error *err);

/* Adds the mask written as an address, TEXT. -1 and ERR if it is none, or of
 * another family. It may have holes, as in PostgreSQL. */
int hba_net_take_mask(struct hba_net *net, const char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Whether PEER is in NET; a Unix socket never is. */
bool hba_net_has(const struct hba_net *net, const struct address *peer);

/* As text, "10.0.0.0" and "255.0.0.0". */
void hba_net_print_address(const struct hba_net *net, struct buf *out);
void hba_net_print_mask(const struct hba_net *net, struct buf *out);

/* The networks our interfaces are in. Zeroed: none. */
struct hba_nets {
	struct hba_net *items; /* owned; each with our own address */
	size_t count;
};

/* Asks the system anew; -1 and ERR, NETS unchanged, if it does not say. */
int hba_nets_read(struct hba_nets *nets, struct error *err)
    __attribute__((warn_unused_result));
void hba_nets_fini(struct hba_nets *nets);

/* Whether PEER has an address of ours; is in a network of ours. */
bool hba_nets_have_host(
    const struct hba_nets *nets, const struct address *peer);
bool hba_nets_have_net(const struct hba_nets *nets, const struct address *peer);

#endif
