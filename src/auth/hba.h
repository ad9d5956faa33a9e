/*
 * hba.h - who may come in from where, and how: files as pg_hba.conf.
 *
 * A set of rules is immutable but for what is known of our own interfaces, and
 * counted: a reload makes a new one beside it. Source: PostgreSQL 16 docs,
 * "The pg_hba.conf File".
 */
#ifndef AUTH_HBA_H
#define AUTH_HBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/hba_rule.h"

struct address;
struct error;
struct hba;
struct problems;

/*
 * Reads the HBA file PATH, and the maps its rules name from IDENT_PATH (NULL:
 * none is given), with all that they include. NULL if anything is wrong: then
 * PROBLEMS has an error for each fault of both. Otherwise a set of rules with
 * one reference. Blocks as reading files does.
 */
struct hba *hba_load(const char *path, const char *ident_path,
    struct problems *problems) __attribute__((warn_unused_result));

/* As hba_load(), from texts that include nothing; a NULL IDENT is none. */
struct hba *hba_load_text(const char *text, size_t size, const char *ident,
    size_t ident_size, struct problems *problems)
    __attribute__((warn_unused_result));

struct hba *hba_ref(struct hba *hba);
/* Gives back one reference and sets *HBA to NULL. NULL is accepted. */
void hba_unref(struct hba **hba);

/* What is known of a client when it has said who it wants to be. Borrowed for
 * the duration of a call. */
struct hba_facts {
	const struct address *peer;
	const char *user;
	const char *database;
	bool is_tls;
	bool is_physical; /* asks for physical replication, and no database */
};

enum hba_answer {
	HBA_RULE,    /* the first that matches is in *RULE */
	HBA_NO_RULE, /* none does */
	HBA_UNCLEAR  /* the regular expression of *RULE took too many steps */
};

/*
 * Finds the rule for FACTS. Only HBA_RULE may let anybody in: after HBA_UNCLEAR
 * the next rule might be one that is meant for others. Allocates nothing, but
 * for what the first regular expression needs. *RULE lives as long as HBA.
 */
enum hba_answer hba_match(const struct hba *hba, const struct hba_facts *facts,
    const struct hba_rule **rule) __attribute__((warn_unused_result));

/*
 * Asks the system for our own addresses again if rules are about them
 * (samehost, samenet) and they are older than a few seconds at NOW_US of the
 * loop's clock. To be called before hba_match().
 */
void hba_freshen(struct hba *hba, int64_t now_us);

/* Says in ERR, as PostgreSQL words it, that FACTS may not come in: no rule is
 * for them, or one that rejects. */
void hba_refuse_unknown(const struct hba_facts *facts, struct error *err);
void hba_refuse_rejected(const struct hba_facts *facts, struct error *err);

/* Whether who is called SYSTEM_NAME outside (by its certificate, or by the
 * system at the other end of a Unix socket) may be USER by RULE: by its map,
 * or because the names are equal. */
bool hba_allows_name(const struct hba *hba, const struct hba_rule *rule,
    const char *system_name, const char *user);

/* In the order of their numbers; INDEX < count. */
size_t hba_count(const struct hba *hba);
const struct hba_rule *hba_rule(const struct hba *hba, size_t index);

#endif
