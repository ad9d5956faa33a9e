/* test_changes.c - settings within a transaction, against a simple model. */
#include "support/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "client/changes.h"
#include "core/buf.h"
#include "core/str.h"
#include "proto/params.h"
#include "server/profile.h"

/* ---- scripts ------------------------------------------------------------- */

/*
 * Words: "a=1" SET, "a:=1" SET LOCAL, "a=" and "a:=" without a value go back,
 * "+s" a savepoint, "-s" release, "<s" rollback to, "commit", "rollback".
 */
static void
run_word(struct changes *changes, struct profile **profile, const char *word)
{
	const char *sign = strchr(word, '=');
	char name[32];
	size_t size;

	if (strcmp(word, "commit") == 0) {
		changes_commit(changes, profile);
	} else if (strcmp(word, "rollback") == 0) {
		changes_rollback(changes);
	} else if (word[0] == '+') {
		changes_savepoint(changes, word + 1);
	} else if (word[0] == '-') {
		changes_release(changes, word + 1);
	} else if (word[0] == '<') {
		changes_rollback_to(changes, word + 1);
	} else {
		bool is_local;

		ck_assert_ptr_nonnull(sign);
		is_local = sign > word && sign[-1] == ':';
		size = (size_t)(sign - word) - is_local;
		ck_assert_uint_lt(size, sizeof(name));
		memcpy(name, word, size);
		name[size] = '\0';
		changes_set(
		    changes, name, sign[1] == '\0' ? NULL : sign + 1, is_local);
	}
}

static void
run(struct changes *changes, struct profile **profile, const char *script)
{
	char *copy = strdup(script), *rest = NULL;

	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		run_word(changes, profile, word);
	}
	free(copy);
}

/* "a=1 b=2" of PROFILE. */
static void
put_profile(const struct profile *profile, struct buf *out)
{
	const struct params *settings = profile_settings(profile);

	for (size_t i = 0; i < settings->count; i++) {
		buf_printf(out, "%s%s=%s", i > 0 ? " " : "",
		    settings->items[i].name, settings->items[i].value);
	}
}

static const struct {
	const char *label;
	const char *script;
	const char *now;   /* within the transaction */
	const char *after; /* once it has committed */
} rows[] = {
    {"nothing", "", "a=0", "a=0"},
    {"a SET holds", "a=1", "a=1", "a=1"},
    {"a SET LOCAL does not", "a:=1", "a=1", "a=0"},
    {"a new name", "b=1", "a=0 b=1", "a=0 b=1"},
    {"SET, then SET LOCAL", "a=1 a:=2", "a=2", "a=1"},
    {"SET LOCAL, then SET", "a:=1 a=2", "a=2", "a=2"},
    {"SET, SET LOCAL, SET", "a=1 a:=2 a=3", "a=3", "a=3"},
    {"SET LOCAL twice", "a:=1 a:=2", "a=2", "a=0"},
    {"gone back", "a=", "", ""},
    {"gone back and set again", "a= a=2", "a=2", "a=2"},
    {"gone back for the transaction", "a:=", "", "a=0"},
    {"a rollback undoes all", "a=1 +s b:=2 rollback", "a=0", "a=0"},
    {"a rollback to a savepoint", "a=1 +s a=2 b=3 <s", "a=1", "a=1"},
    {"of a local one", "a=1 +s a:=2 <s", "a=1", "a=1"},
    {"to a savepoint twice", "+s a=1 <s a=2 <s", "a=0", "a=0"},
    {"the savepoint stays", "a=1 +s a=2 <s a=3 <s", "a=1", "a=1"},
    {"a release keeps what was set", "+s a=1 -s", "a=1", "a=1"},
    {"SET in it over LOCAL before", "a:=1 +s a=2 -s", "a=2", "a=2"},
    {"LOCAL in it over SET before", "a=1 +s a:=2 -s", "a=2", "a=1"},
    {"LOCAL in it over LOCAL before", "a:=1 +s a:=2 -s", "a=2", "a=0"},
    {"both in it over both", "a=1 a:=2 +s a=3 a:=4 -s", "a=4", "a=3"},
    {"LOCAL in it, SET after", "+s a:=1 -s a=2", "a=2", "a=2"},
    {"release, then rollback to the outer one", "+o a=1 +i a=2 -i <o", "a=0",
        "a=0"},
    {"release of the outer one takes the inner", "a=1 +o a=2 +i a=3 -o <never",
        "a=0", "a=0"},
    {"a name shadows", "a=1 +s a=2 +s a=3 <s", "a=2", "a=2"},
    {"and comes back", "a=1 +s a=2 +s a=3 -s <s", "a=1", "a=1"},
    {"an older savepoint forgets all", "a=1 +s b=2 <older", "a=0", "a=0"},
    {"an older one is released", "a=1 +s a:=2 -older", "a=2", "a=1"},
    {"without end: COMMIT in the midst", "a=1 commit a:=2", "a=2", "a=1"},
    {"unreleased savepoints at the end", "a:=1 +s a=2 +t a:=3", "a=3", "a=2"},
    {"another user has no role", "role=r session_authorization=u",
        "a=0 session_authorization=u", "a=0 session_authorization=u"},
    {"a role after that", "session_authorization=u role=r",
        "a=0 role=r session_authorization=u",
        "a=0 role=r session_authorization=u"},
    {"another user for the transaction", "role=r session_authorization:=u",
        "a=0 session_authorization=u", "a=0 role=r"},
};

START_TEST(changes_follow_the_transaction)
{
	struct profiles *set = profiles_new();
	struct params start = {0};
	struct profile *profile, *now;
	struct changes changes = {0};
	struct buf text = {0};

	params_set(&start, "a", "0");
	profile = profile_take(set, &start);
	params_fini(&start);
	run(&changes, &profile, rows[_i].script);
	now = changes_profile(&changes, profile);
	put_profile(now, &text);
	ck_assert_msg(strcmp(buf_text(&text), rows[_i].now) == 0,
	    "%s: now \"%s\"", rows[_i].label, buf_text(&text));
	profile_release(&now);
	changes_commit(&changes, &profile);
	ck_assert(changes_are_none(&changes));
	buf_clear(&text);
	put_profile(profile, &text);
	ck_assert_msg(strcmp(buf_text(&text), rows[_i].after) == 0,
	    "%s: after \"%s\"", rows[_i].label, buf_text(&text));
	buf_fini(&text);
	profile_release(&profile);
	profiles_free(&set);
}
END_TEST

START_TEST(what_is_recorded_has_a_bound)
{
	struct changes changes = {0};
	char *long_value = malloc(CHANGES_MAX_BYTES + 1);
	char name[32];

	for (size_t i = 0; i < CHANGES_MAX; i++) {
		changes_set(&changes, "a", i % 2 == 0 ? "1" : "2", false);
	}
	ck_assert_uint_eq(changes.count, 1);
	for (size_t i = 1; i < CHANGES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "a%zu", i);
		changes_set(&changes, name, "1", false);
	}
	ck_assert(changes_have_room(&changes));
	changes_savepoint(&changes, "one too many");
	ck_assert(!changes_have_room(&changes));
	changes_rollback(&changes);
	ck_assert(changes_have_room(&changes));
	ck_assert_uint_eq(changes.bytes, 0);
	memset(long_value, 'x', CHANGES_MAX_BYTES);
	long_value[CHANGES_MAX_BYTES] = '\0';
	changes_set(&changes, "a", long_value, true);
	ck_assert(!changes_have_room(&changes));
	changes_fini(&changes);
	free(long_value);
}
END_TEST

/* ---- against a model ----------------------------------------------------- */

/*
 * The model keeps for each name what the session and what the transaction has
 * it at, and for each savepoint a copy of all of that. NULL: gone back; LOCAL
 * has none of its own while !has_local.
 */
#define NAMES 3
#define LEVELS 6

struct model_state {
	const char *session[NAMES];
	const char *local[NAMES];
	bool has_local[NAMES];
};

struct model {
	struct model_state now;
	struct model_state saved[LEVELS];
	char saved_names[LEVELS];
	int levels;
};

static const char *const names[NAMES] = {"a", "b", "c.d"};
static const char *const values[] = {"1", "2", "3", NULL};

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static int
model_find(const struct model *model, char name)
{
	for (int i = model->levels; i-- > 0;) {
		if (model->saved_names[i] == name) {
			return i;
		}
	}
	return -1;
}

/* Does one random thing to both. Returns what it was, in words. */
static void
step(struct model *model, struct changes *changes, uint32_t *seed,
    struct buf *story)
{
	uint32_t what = next_random(seed) % 8;
	char savepoint[2] = {(char)('s' + next_random(seed) % 3), '\0'};
	int level = model_find(model, savepoint[0]);

	if (what < 4) {
		size_t name = next_random(seed) % NAMES;
		const char *value = values[next_random(seed) % 4];
		bool is_local = what < 2;

		buf_printf(story, " %s%s%s", names[name], is_local ? ":=" : "=",
		    value == NULL ? "" : value);
		changes_set(changes, names[name], value, is_local);
		if (is_local) {
			model->now.local[name] = value;
		} else {
			model->now.session[name] = value;
		}
		model->now.has_local[name] = is_local;
	} else if (what < 6 && model->levels < LEVELS) {
		buf_printf(story, " +%s", savepoint);
		/* Whether it is told while nothing is recorded is nothing. */
		if (!changes_are_none(changes) || next_random(seed) % 2 == 0) {
			changes_savepoint(changes, savepoint);
		}
		model->saved_names[model->levels] = savepoint[0];
		model->saved[model->levels++] = model->now;
	} else if (what == 6 && level >= 0) {
		buf_printf(story, " -%s", savepoint);
		changes_release(changes, savepoint);
		model->levels = level;
	} else if (what == 7 && level >= 0) {
		buf_printf(story, " <%s", savepoint);
		changes_rollback_to(changes, savepoint);
		model->now = model->saved[level];
		model->levels = level + 1;
	}
}

static void
check_profile(const struct profile *profile, const struct model *model,
    bool with_local, const char *story)
{
	for (int i = 0; i < NAMES; i++) {
		const char *wanted = with_local && model->now.has_local[i]
		    ? model->now.local[i]
		    : model->now.session[i];
		const char *got = profile_get(profile, names[i]);

		ck_assert_msg(str_equal(got, wanted), "%s:%s is %s, not %s",
		    story, names[i], got == NULL ? "gone" : got,
		    wanted == NULL ? "gone" : wanted);
	}
}

static void
end_transaction(struct model *model, struct changes *changes,
    struct profile **profile, bool is_commit, const struct model *before)
{
	if (is_commit) {
		changes_commit(changes, profile);
	} else {
		changes_rollback(changes);
		*model = *before;
	}
	memset(model->now.has_local, 0, sizeof(model->now.has_local));
	model->levels = 0;
}

START_TEST(changes_agree_with_the_model)
{
	struct profiles *set = profiles_new();
	struct profile *profile = profile_take(set, &(struct params){0});
	struct changes changes = {0};
	struct model model = {0};
	struct buf story = {0};
	uint32_t seed = (uint32_t)_i;

	for (int transaction = 0; transaction < 20; transaction++) {
		struct model before = model;
		uint32_t steps = next_random(&seed) % 20;
		bool is_commit = next_random(&seed) % 4 != 0;

		buf_clear(&story);
		for (uint32_t i = 0; i < steps; i++) {
			struct profile *now;

			step(&model, &changes, &seed, &story);
			now = changes_profile(&changes, profile);
			check_profile(now, &model, true, buf_text(&story));
			profile_release(&now);
		}
		end_transaction(&model, &changes, &profile, is_commit, &before);
		check_profile(profile, &model, false, buf_text(&story));
	}
	changes_fini(&changes);
	buf_fini(&story);
	profile_release(&profile);
	profiles_free(&set);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("changes");
	TCase *rules = tcase_create("rules");
	TCase *model = tcase_create("model");

	tcase_add_loop_test(rules, changes_follow_the_transaction, 0,
	    (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_test(rules, what_is_recorded_has_a_bound);
	tcase_add_loop_test(model, changes_agree_with_the_model, 0, 200);
	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, model);
	return unit_run(suite);
}
