/*
 * hba_refuse.c - that nobody comes in, in the words of PostgreSQL.
 */
#include <string.h>

#include "auth/hba.h"
#include "core/error.h"
#include "net/address.h"

static void
refuse(const struct hba_facts *facts, const char *what,
    const char *what_physical, struct error *err)
{
	char host[ADDRESS_TEXT_BYTES];
	const char *encryption =
	    facts->is_tls ? "SSL encryption" : "no encryption";

	if (address_is_unix(facts->peer)) {
		memcpy(host, "[local]", sizeof("[local]"));
	} else {
		(void)address_host(facts->peer, host, sizeof(host));
	}
	if (facts->is_physical) {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "%s host \"%s\", user \"%s\", %s", what_physical, host,
		    facts->user, encryption);
	} else {
		error_set(err, SQLSTATE_INVALID_AUTHORIZATION,
		    "%s host \"%s\", user \"%s\", database \"%s\", %s", what,
		    host, facts->user, facts->database, encryption);
	}
	error_hint(err,
	    "The rules are those of the pooler's auth_hba_file, not of the "
	    "server; SHOW HBA in its console lists them.");
}

void
hba_refuse_unknown(const struct hba_facts *facts, struct error *err)
{
	refuse(facts, "no pg_hba.conf entry for",
	    "no pg_hba.conf entry for replication connection from", err);
}

void
hba_refuse_rejected(const struct hba_facts *facts, struct error *err)
{
	refuse(facts, "pg_hba.conf rejects connection for",
	    "pg_hba.conf rejects replication connection for", err);
}
