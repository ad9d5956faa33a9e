/*
 * question.c - what the monitor asks a node, and what the answer says.
 *
 * All of it can be read by an ordinary login role (seen on PostgreSQL 15):
 * the control file's functions are public, of pg_stat_wal_receiver others than
 * pg_read_all_stats see the row but not its columns.
 *
 * pg_is_in_recovery() is called once and kept from being folded into the
 * branches ("offset 0"): on a server promoted in the midst of the statement
 * the replica's functions still answer, the primary's would not in reverse.
 *
 * A primary's timeline is taken from the name of its current WAL file, since
 * its control file has the new one only after the next checkpoint. A replica
 * has no such name: what its WAL receiver streams is certain, the control file
 * may lag behind.
 */
#include "route/question.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "node/lsn.h"
#include "node/node.h"

#define ROLE "(select pg_catalog.pg_is_in_recovery() as r offset 0) as q"

#define POSITION                                                  \
	"case when q.r then pg_catalog.pg_last_wal_replay_lsn() " \
	"else pg_catalog.pg_current_wal_insert_lsn() end::text"

#define WAL_FILE                                             \
	"case when not q.r then pg_catalog.pg_walfile_name(" \
	"pg_catalog.pg_current_wal_insert_lsn()) end"

#define STARTED                                                      \
	"(extract(epoch from pg_catalog.pg_postmaster_start_time())" \
	" * 1000000)::bigint::text"

enum column {
	COLUMN_IN_RECOVERY,
	COLUMN_STARTED,
	COLUMN_POSITION,
	COLUMN_WAL_FILE, /* of a primary */
	COLUMN_TIMELINE, /* of a replica, "3" or, if certain, "3!" */
	COLUMN_SYSTEM
};

_Static_assert(COLUMN_SYSTEM + 1 == QUESTION_COLUMNS, "columns");

static const char *const texts[] = {
    [QUESTION_FULL] = "select q.r, " STARTED ", " POSITION ", " WAL_FILE ", "
                      "case when q.r then greatest(c.timeline_id, "
                      "m.min_recovery_end_timeline, w.received_tli)::text "
                      "|| case when w.received_tli is null then '' else '!' "
                      "end end, s.system_identifier::text "
                      "from " ROLE " left join "
                      "pg_catalog.pg_stat_wal_receiver as w on true, "
                      "pg_catalog.pg_control_system() as s, "
                      "pg_catalog.pg_control_checkpoint() as c, "
                      "pg_catalog.pg_control_recovery() as m",
    [QUESTION_PLAIN] = "select q.r, " STARTED ", " POSITION ", " WAL_FILE
                       ", null, null from " ROLE,
    [QUESTION_MINIMAL] = "select pg_catalog.pg_is_in_recovery(), " STARTED
                         ", null, null, null, null",
};

const char *
question_sql(enum question question)
{
	return texts[question];
}

bool
question_weaken(enum question *question)
{
	switch (*question) {
	case QUESTION_FULL:
		*question = QUESTION_PLAIN;
		return true;
	case QUESTION_PLAIN:
		*question = QUESTION_MINIMAL;
		return true;
	case QUESTION_MINIMAL:
		return false;
	}
	assert(!"unreachable");
	return false;
}

/* Reads the timeline out of a WAL file's name: its first 8 digits. */
static bool
read_wal_file(const char *name, uint32_t *timeline)
{
	char digits[9];
	size_t length = strlen(name);

	if (length != 24 || strspn(name, "0123456789ABCDEF") != length) {
		return false;
	}
	memcpy(digits, name, 8);
	digits[8] = '\0';
	*timeline = (uint32_t)strtoul(digits, NULL, 16);
	return true;
}

/* Reads "3" or "3!". */
static bool
read_timeline(const char *text, uint32_t *timeline, bool *is_certain)
{
	char digits[12];
	size_t length = strspn(text, "0123456789");
	int64_t value = 0;

	*is_certain = text[length] == '!';
	if (length == 0 || length >= sizeof(digits) ||
	    text[length + *is_certain] != '\0') {
		return false;
	}
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!str_to_int64(digits, &value) || value > UINT32_MAX) {
		return false;
	}
	*timeline = (uint32_t)value;
	return true;
}

/* Reads a positive number of up to 64 bits. */
static bool
read_system(const char *text, uint64_t *system)
{
	int64_t value = 0;

	if (!str_to_int64(text, &value)) {
		return false;
	}
	/* PostgreSQL shows an unsigned number as a signed one. */
	*system = (uint64_t)value;
	return true;
}

bool
question_read(
    const char *const values[QUESTION_COLUMNS], struct node_report *report)
{
	const char *recovery = values[COLUMN_IN_RECOVERY];
	struct node_report read = {0};

	if (recovery == NULL ||
	    (strcmp(recovery, "t") != 0 && strcmp(recovery, "f") != 0)) {
		return false;
	}
	read.role = recovery[0] == 't' ? NODE_REPLICA : NODE_PRIMARY;
	if (values[COLUMN_STARTED] != NULL &&
	    !str_to_int64(values[COLUMN_STARTED], &read.started_us)) {
		return false;
	}
	if (values[COLUMN_POSITION] != NULL) {
		read.has_position = true;
		if (!lsn_parse(values[COLUMN_POSITION], &read.position)) {
			return false;
		}
	}
	if (values[COLUMN_WAL_FILE] != NULL) {
		read.timeline_is_certain = true;
		if (!read_wal_file(values[COLUMN_WAL_FILE], &read.timeline)) {
			return false;
		}
	} else if (values[COLUMN_TIMELINE] != NULL &&
	    !read_timeline(values[COLUMN_TIMELINE], &read.timeline,
	        &read.timeline_is_certain)) {
		return false;
	}
	if (values[COLUMN_SYSTEM] != NULL &&
	    !read_system(values[COLUMN_SYSTEM], &read.system_identifier)) {
		return false;
	}
	*report = read;
	return true;
}
