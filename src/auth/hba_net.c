/*
 * hba_net.c - ranges of addresses, and those of our own interfaces.
 *
 * An IPv4 address that comes in by an IPv6 socket (::ffff:a.b.c.d) is the IPv4
 * address it is, in rules and in peers: so one rule is enough for both ways in.
 */
#include "auth/hba_net.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "net/address.h"

static const uint8_t mapped_prefix[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t all_ones[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static size_t
net_size(const struct hba_net *net)
{
	return net->family == AF_INET ? 4 : 16;
}

/* The bytes of a socket's address; the family is 0 if it is neither. */
static const uint8_t *
address_bytes(const struct sockaddr *from, int *family)
{
	const void *whole = from;

	*family = from->sa_family;
	if (*family == AF_INET) {
		const struct sockaddr_in *in = whole;

		return (const uint8_t *)&in->sin_addr;
	}
	if (*family == AF_INET6) {
		const struct sockaddr_in6 *in6 = whole;

		return in6->sin6_addr.s6_addr;
	}
	*family = 0;
	return all_ones;
}

/* Takes a numeric address; a zone ("%eth0") is left out, since rules are about
 * addresses. */
static bool
take_address(const char *text, int *family, uint8_t *out)
{
	char plain[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "%");

	if (length >= sizeof(plain)) {
		return false;
	}
	memcpy(plain, text, length);
	plain[length] = '\0';
	if (text[length] == '\0' && inet_pton(AF_INET, plain, out) == 1) {
		*family = AF_INET;
		return true;
	}
	*family = AF_INET6;
	return inet_pton(AF_INET6, plain, out) == 1;
}

static void
set_bits(uint8_t *mask, int bits)
{
	memset(mask, 0, 16);
	for (int i = 0; i < bits; i++) {
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	}
}

/* Makes the IPv4 range of one of mapped addresses. */
static void
unmap(struct hba_net *net)
{
	if (net->family == AF_INET6 &&
	    memcmp(net->address, mapped_prefix, sizeof(mapped_prefix)) == 0 &&
	    memcmp(net->mask, all_ones, sizeof(mapped_prefix)) == 0) {
		net->family = AF_INET;
		memmove(net->address, net->address + 12, 4);
		memmove(net->mask, net->mask + 12, 4);
	}
}

enum hba_net_result
hba_net_parse(const char *text, struct hba_net *net, struct error *err)
{
	const char *slash = strchr(text, '/');
	char *host = mem_strndup(
	    text, slash == NULL ? strlen(text) : (size_t)(slash - text));
	bool is_address = take_address(host, &net->family, net->address);
	int64_t bits;

	free(host);
	if (!is_address && slash != NULL) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "\"%s\" is no address with a number of bits", text);
		return HBA_NET_WRONG;
	}
	if (!is_address) {
		return HBA_NET_NAME;
	}
	if (slash == NULL) {
		return HBA_NET_NEEDS_MASK;
	}
	if (!str_to_int64(slash + 1, &bits) || bits < 0 ||
	    bits > (int64_t)net_size(net) * 8) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "invalid CIDR mask in address \"%s\"", text);
		return HBA_NET_WRONG;
	}
	set_bits(net->mask, (int)bits);
	unmap(net);
	return HBA_NET_WHOLE;
}

int
hba_net_take_mask(struct hba_net *net, const char *text, struct error *err)
{
	int family;

	if (!take_address(text, &family, net->mask)) {
		error_set(
		    err, SQLSTATE_CONFIG_FILE, "invalid IP mask \"%s\"", text);
		return -1;
	}
	if (family != net->family) {
		error_set(err, SQLSTATE_CONFIG_FILE,
		    "IP address and mask do not match");
		return -1;
	}
	unmap(net);
	return 0;
}

bool
hba_net_has(const struct hba_net *net, const struct address *peer)
{
	int family;
	const uint8_t *bytes = address_bytes(&peer->of.any, &family);

	if (family == AF_INET6 &&
	    memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		family = AF_INET;
		bytes += sizeof(mapped_prefix);
	}
	if (family != net->family) {
		return false;
	}
	for (size_t i = 0; i < net_size(net); i++) {
		if (((bytes[i] ^ net->address[i]) & net->mask[i]) != 0) {
			return false;
		}
	}
	return true;
}

static void
print(int family, const uint8_t *bytes, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, bytes, text, sizeof(text)) != NULL) {
		buf_append_str(out, text);
	}
}

void
hba_net_print_address(const struct hba_net *net, struct buf *out)
{
	print(net->family, net->address, out);
}

void
hba_net_print_mask(const struct hba_net *net, struct buf *out)
{
	print(net->family, net->mask, out);
}

/* ---- our own interfaces -------------------------------------------------- */

int
hba_nets_read(struct hba_nets *nets, struct error *err)
{
	struct ifaddrs *first;
	struct hba_nets found = {0};
	size_t most = 0;

	if (getifaddrs(&first) != 0) {
		error_set_errno(err, "cannot ask for our own addresses");
		return -1;
	}
	for (struct ifaddrs *i = first; i != NULL; i = i->ifa_next) {
		most++;
	}
	found.items = mem_zalloc((most + 1) * sizeof(*found.items));
	for (struct ifaddrs *i = first; i != NULL; i = i->ifa_next) {
		struct hba_net *net = &found.items[found.count];
		const uint8_t *bytes;
		int mask_family;

		if (i->ifa_addr == NULL || i->ifa_netmask == NULL) {
			continue;
		}
		bytes = address_bytes(i->ifa_addr, &net->family);
		if (net->family == 0) {
			continue;
		}
		memcpy(net->address, bytes, net_size(net));
		bytes = address_bytes(i->ifa_netmask, &mask_family);
		if (mask_family == net->family) {
			memcpy(net->mask, bytes, net_size(net));
			found.count++;
		}
	}
	freeifaddrs(first);
	hba_nets_fini(nets);
	*nets = found;
	return 0;
}

void
hba_nets_fini(struct hba_nets *nets)
{
	free(nets->items);
	*nets = (struct hba_nets){0};
}

bool
hba_nets_have_host(const struct hba_nets *nets, const struct address *peer)
{
	for (size_t i = 0; i < nets->count; i++) {
		struct hba_net host = nets->items[i];

		memcpy(host.mask, all_ones, sizeof(host.mask));
		if (hba_net_has(&host, peer)) {
			return true;
		}
	}
	return false;
}

bool
hba_nets_have_net(const struct hba_nets *nets, const struct address *peer)
{
	for (size_t i = 0; i < nets->count; i++) {
		if (hba_net_has(&nets->items[i], peer)) {
			return true;
		}
	}
	return false;
}
