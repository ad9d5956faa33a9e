/*
 * test_users.c - auth_file, [users] and [peers].
 */
#include "conf/users.h"

#include <string.h>

#include "conf/problems.h"
#include "conf/settings.h"
#include "core/error.h"
#include "support/problems.h"
#include "support/unit.h"

static void
on_credential(void *arg, const struct credential *credential)
{
	static const char *const kinds[] = {"none", "plain", "md5", "scram"};

	buf_printf(arg, "[%s] [%s] %s\n", credential->user, credential->secret,
	    kinds[credential->kind]);
}

static void
expect(const char *text, size_t size, const char *users, const char *problems)
{
	struct buf seen = {0}, told = {0};
	struct problems found = {0};

	userlist_parse("u", text, size, on_credential, &seen, &found);
	ck_assert_str_eq(buf_text(&seen), users);
	ck_assert_str_eq(problems_text(&found, &told), problems);
	problems_fini(&found);
	buf_fini(&seen);
	buf_fini(&told);
}

#define MD5 "md5a3556571e93b0d20722ba62be61e8c2d"
#define SCRAM "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy"
#define SYNTAX "; a line is \"user\" \"password\"\n"

static const struct list_case {
	const char *text;
	const char *users;
	const char *problems;
} lists[] = {
    {"", "", ""},
    {"\n\n  \n", "", ""},
    {"\"a\" \"b\"", "[a] [b] plain\n", ""},
    {"\"a\" \"b\"\n\"c\" \"d\"\n", "[a] [b] plain\n[c] [d] plain\n", ""},
    {"  \"a\"\t\t\"b\"  \r\n", "[a] [b] plain\n", ""},
    {"\xef\xbb\xbf\"a\" \"b\"\n", "[a] [b] plain\n", ""},
    {"; \"a\" \"b\"\n # x\n  ;\n\"c\" \"d\"", "[c] [d] plain\n", ""},
    {"\"a\" \"\"", "[a] [] none\n", ""},
    {"\"a\"\"b\" \"c\"\"\"\"d\"", "[a\"b] [c\"\"d] plain\n", ""},
    {"\"a\" \"\"\"\"", "[a] [\"] plain\n", ""},
    {"\"a b\" \"c ; d # e\"", "[a b] [c ; d # e] plain\n", ""},
    {"\"a\" \"" MD5 "\"", "[a] [" MD5 "] md5\n", ""},
    {"\"a\" \"md5short\"", "[a] [md5short] plain\n", ""},
    {"\"a\" \"" SCRAM "\"", "[a] [" SCRAM "] scram\n", ""},
    {"\"a\" \"b\" \"2030-01-01\" x\n", "[a] [b] plain\n", ""},
    {"\"a\" \"b\\n\"", "[a] [b\\n] plain\n", ""},
    {"a \"b\"\n\"c\" \"d\"\n", "[c] [d] plain\n",
        "error u:1: the user name is not in double quotes" SYNTAX},
    {"\n\"a\n", "",
        "error u:2: the user name has no closing double quote" SYNTAX},
    {"\"a\"", "", "error u:1: the password is not in double quotes" SYNTAX},
    {"\"a\" b", "", "error u:1: the password is not in double quotes" SYNTAX},
    {"\"a\" \"b\n\"c\" \"d\"", "[c] [d] plain\n",
        "error u:1: the password has no closing double quote" SYNTAX},
    {"\"\" \"b\"", "", "error u:1: the user name is empty" SYNTAX},
    {"\"a\"x\"b\"", "",
        "error u:1: the password does not stand apart from the user name" SYNTAX},
    {"\"", "", "error u:1: the user name has no closing double quote" SYNTAX},
};

START_TEST(users_are_read_or_refused_with_their_line)
{
	const struct list_case *row = &lists[_i];

	expect(row->text, strlen(row->text), row->users, row->problems);
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
	static const char text[] = "\"a\" \"b\0c\"\n\"d\" \"e\"\n";

	expect(text, sizeof(text) - 1, "[d] [e] plain\n",
	    "error u:1: a NUL byte in the line\n");
}
END_TEST

/* A line for user u with a password of SIZE bytes. */
static void
append_long(struct buf *text, size_t size)
{
	buf_append_str(text, "\"u\" \"");
	for (size_t i = 0; i < size; i++) {
		buf_append_char(text, 'p');
	}
	buf_append_str(text, "\"\n");
}

START_TEST(passwords_have_up_to_65535_bytes)
{
	struct buf text = {0}, seen = {0}, told = {0};
	struct problems found = {0};

	append_long(&text, 65535);
	append_long(&text, 65536);
	userlist_parse(
	    "u", buf_text(&text), text.length, on_credential, &seen, &found);
	ck_assert_uint_eq(seen.length, strlen("[u] [] plain\n") + 65535);
	ck_assert_str_eq(problems_text(&found, &told),
	    "error u:2: the password is too long" SYNTAX);
	problems_fini(&found);
	buf_fini(&text);
	buf_fini(&seen);
	buf_fini(&told);
}
END_TEST

START_TEST(every_prefix_of_a_file_is_read_without_harm)
{
	static const char text[] =
	    "\"a\"\"b\" \"c\"\"\" ;\n;x\n\"d\" \"e\"\r\n";

	for (size_t size = 0; size < sizeof(text); size++) {
		struct problems found = {0};
		struct buf seen = {0};
		char *exact = malloc(size > 0 ? size : 1);

		memcpy(exact, text, size); /* so that one byte more is seen */
		userlist_parse("u", exact, size, on_credential, &seen, &found);
		free(exact);
		problems_fini(&found);
		buf_fini(&seen);
	}
}
END_TEST

START_TEST(a_user_has_settings_of_its_own)
{
	struct error err;
	struct user_conf *user = user_conf_parse("u",
	    "pool_size=3 pool_mode=session query_wait_timeout=2 "
	    "max_user_connections=0",
	    &err);

	ck_assert_ptr_nonnull(user);
	ck_assert_str_eq(user->name, "u");
	ck_assert_int_eq(user->overrides.pool_size, 3);
	ck_assert_int_eq(user->overrides.pool_mode, POOL_MODE_SESSION);
	ck_assert_int_eq(user->overrides.query_wait_timeout_us, 2000000);
	ck_assert_int_eq(user->overrides.max_user_connections, 0);
	ck_assert_int_eq(user->overrides.query_timeout_us, -1);
	user_conf_free(&user);
}
END_TEST

static const struct wrong_case {
	const char *text;
	const char *error;
} wrong_users[] = {
    {"pool_sise=1",
        "unknown key \"pool_sise\" of a user; did you mean \"pool_size\"?"},
    {"host=a", "unknown key \"host\" of a user"},
    {"reserve_pool=0", "unknown key \"reserve_pool\" of a user"},
    {"pool_size=x", "pool_size = x: not a whole number"},
    {"pool_size",
        "\"=\" is missing after \"pool_size\" in the connection "
        "string"},
};

START_TEST(a_wrong_user_entry_is_refused_with_a_reason)
{
	struct error err;

	ck_assert_ptr_null(user_conf_parse("u", wrong_users[_i].text, &err));
	ck_assert_msg(strncmp(err.text, wrong_users[_i].error,
	                  strlen(wrong_users[_i].error)) == 0,
	    "%s", err.text);
}
END_TEST

static const struct peer_case {
	const char *id;
	const char *text;
	const char *expected;
} peers[] = {
    {"1", "host=a", "1 a:6432 -1"},
    {"16383", "host=/tmp port=1 pool_size=2", "16383 /tmp:1 2"},
    {"0", "host=a", "!peer id = 0: not a number from 1 to 16383"},
    {"16384", "host=a", "!peer id = 16384: not a number from 1 to 16383"},
    {"x", "host=a", "!peer id = x: not a number from 1 to 16383"},
    {"1", "", "!peer 1 has no host"},
    {"1", "host=a port=0", "!port = 0: not a number from 1 to 65535"},
    {"1", "hots=a", "!unknown key \"hots\" of a peer; did you mean \"host\"?"},
    {"1", "host='a", "!the quote after host= is not closed"},
};

START_TEST(peers_are_read_or_refused_with_a_reason)
{
	const struct peer_case *row = &peers[_i];
	struct error err;
	struct buf got = {0};
	struct peer_conf *peer = peer_conf_parse(row->id, row->text, &err);

	if (peer == NULL) {
		buf_printf(&got, "!%s", err.text);
	} else {
		buf_printf(&got, "%d %s:%d %d", peer->id, peer->host.name,
		    peer->host.port, peer->pool_size);
	}
	ck_assert_str_eq(buf_text(&got), row->expected);
	peer_conf_free(&peer);
	buf_fini(&got);
}
END_TEST

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

int
main(void)
{
	Suite *suite = suite_create("users");
	TCase *all = tcase_create("users");

	tcase_add_loop_test(
	    all, users_are_read_or_refused_with_their_line, 0, COUNT_OF(lists));
	tcase_add_test(all, a_nul_byte_is_refused);
	tcase_add_test(all, passwords_have_up_to_65535_bytes);
	tcase_add_test(all, every_prefix_of_a_file_is_read_without_harm);
	tcase_add_test(all, a_user_has_settings_of_its_own);
	tcase_add_loop_test(all, a_wrong_user_entry_is_refused_with_a_reason, 0,
	    COUNT_OF(wrong_users));
	tcase_add_loop_test(
	    all, peers_are_read_or_refused_with_a_reason, 0, COUNT_OF(peers));
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
