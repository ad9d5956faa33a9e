/* hba_rule.h - one rule of an HBA file: who, from where, by which method. */
#ifndef AUTH_HBA_RULE_H
#define AUTH_HBA_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct hba_line;
struct problems;
struct regex;

/* Which connections; the order is that of hba_type_name(). */
enum hba_type {
	HBA_LOCAL,
	HBA_HOST,
	HBA_HOSTSSL,
	HBA_HOSTNOSSL,
	HBA_HOSTGSSENC,  /* never: there is no encryption by GSSAPI here */
	HBA_HOSTNOGSSENC /* so this is always true, as HBA_HOST */
};

/* What to do with who matches; the order is that of hba_method_name(). */
enum hba_method {
	HBA_TRUST,
	HBA_REJECT,
	HBA_MD5,
	HBA_PASSWORD, /* in clear */
	HBA_SCRAM_SHA_256,
	HBA_CERT,
	HBA_PEER
};

/* What a name in the file stands for. */
enum hba_name_kind {
	HBA_NAME_EXACT,
	HBA_NAME_ALL,
	HBA_NAME_SAMEUSER,    /* database only */
	HBA_NAME_REPLICATION, /* database only */
	HBA_NAME_REGEX
};

struct hba_name {
	char *text;          /* owned; as written, less quotes */
	struct regex *regex; /* owned; NULL unless it is one */
	enum hba_name_kind kind;
};

struct hba_names {
	struct hba_name *items; /* owned */
	size_t count;           /* 0 matches nobody */
};

enum hba_where {
	HBA_ANYWHERE,
	HBA_NET,
	HBA_SAMEHOST,
	HBA_SAMENET
};

/* The addresses that are ADDRESS where MASK has a bit; the first 4 bytes count
 * for IPv4. */
struct hba_net {
	int family; /* AF_INET or AF_INET6 */
	uint8_t address[16];
	uint8_t mask[16];
};

enum hba_clientcert {
	HBA_CLIENTCERT_OFF,
	HBA_CLIENTCERT_CA,  /* it must have a certificate that verifies */
	HBA_CLIENTCERT_FULL /* whose name must be that of the user, too */
};

struct hba_rule {
	char *file; /* owned */
	int line;   /* in that file */
	int number; /* of the rule; 1 is the first */
	enum hba_type type;
	struct hba_names databases;
	struct hba_names users;
	enum hba_where where; /* not for HBA_LOCAL */
	struct hba_net net;   /* for HBA_NET */
	enum hba_method method;
	char *map; /* owned; NULL: names must be equal */
	enum hba_clientcert clientcert;
	bool uses_dn; /* of a certificate, not its CN */
};

/*
 * Reads LINE into RULE (zeroed), but for its number. -1 if it is wrong: then
 * an error was added to PROBLEMS, and RULE is empty. Ended by hba_rule_fini().
 */
int hba_rule_parse(const struct hba_line *line, struct hba_rule *rule,
    struct problems *problems) __attribute__((warn_unused_result));
void hba_rule_fini(struct hba_rule *rule);

const char *hba_type_name(enum hba_type type);
const char *hba_method_name(enum hba_method method);

/*
 * Appends the columns of PostgreSQL's pg_hba_file_rules: names as an array,
 * "{a,b}"; the address and its mask, "all", "samehost" or "samenet"; options
 * as an array. Nothing is appended where a column is NULL.
 */
void hba_names_print(const struct hba_names *names, struct buf *out);
void hba_address_print(const struct hba_rule *rule, struct buf *out);
void hba_netmask_print(const struct hba_rule *rule, struct buf *out);
void hba_options_print(const struct hba_rule *rule, struct buf *out);

#endif
