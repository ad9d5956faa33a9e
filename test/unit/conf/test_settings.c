/*
 * test_settings.c - the table of settings, its values and their bounds.
 */
#include "conf/settings.h"

#include <string.h>

#include "conf/value.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "support/unit.h"

static const struct value_case {
	const char *name;
	const char *text;
	const char *expected; /* as SHOW CONFIG prints it, or "!error" */
} values[] = {
    {"default_pool_size", "25", "25"},
    {"default_pool_size", "0", "0"},
    {"default_pool_size", "+5", "5"},
    {"default_pool_size", "010", "10"},
    {"default_pool_size", "1000000", "1000000"},
    {"default_pool_size", "1000001",
        "!default_pool_size = 1000001: out of range 0 to 1000000"},
    {"default_pool_size", "-1",
        "!default_pool_size = -1: out of range 0 to 1000000"},
    {"default_pool_size", "", "!default_pool_size = : not a whole number"},
    {"default_pool_size", "2x", "!default_pool_size = 2x: not a whole number"},
    {"default_pool_size", "0x10",
        "!default_pool_size = 0x10: not a whole number"},
    {"default_pool_size", "1e3",
        "!default_pool_size = 1e3: not a whole number"},
    {"default_pool_size", "99999999999999999999",
        "!default_pool_size = 99999999999999999999: not a whole number"},
    {"listen_port", "65535", "65535"},
    {"listen_port", "65536", "!listen_port = 65536: out of range 1 to 65535"},
    {"listen_port", "0", "!listen_port = 0: out of range 1 to 65535"},
    {"log_connections", "1", "1"},
    {"log_connections", "off", "0"},
    {"log_connections", "TRUE", "1"},
    {"log_connections", "no", "0"},
    {"log_connections", "2",
        "!log_connections = 2: not 1 or 0 (also on, off, yes, no, true, "
        "false)"},
    {"server_idle_timeout", "0", "0"},
    {"server_idle_timeout", "600", "600"},
    {"server_idle_timeout", "0.5", "0.5"},
    {"server_idle_timeout", "1.", "1"},
    {"server_idle_timeout", "0.0000001", "0.000001"},
    {"server_idle_timeout", "0.000", "0"},
    {"server_idle_timeout", "1.25 min", "75"},
    {"server_idle_timeout", "10min", "600"},
    {"server_idle_timeout", "5s", "5"},
    {"server_idle_timeout", "200ms", "0.2"},
    {"server_idle_timeout", "7us", "0.000007"},
    {"server_idle_timeout", "2h", "7200"},
    {"server_idle_timeout", "1d", "86400"},
    {"server_idle_timeout", "3155760000", "3155760000"},
    {"server_idle_timeout", "3155760001",
        "!server_idle_timeout = 3155760001: out of range 0 to 3155760000 seconds"},
    {"server_idle_timeout", "9223372036854775807",
        "!server_idle_timeout = 9223372036854775807: not a time: seconds, or "
        "a number with us, ms, s, min, h or d"},
    {"server_idle_timeout", "-1",
        "!server_idle_timeout = -1: not a time: seconds, or a number with us, "
        "ms, s, min, h or d"},
    {"server_idle_timeout", "inf",
        "!server_idle_timeout = inf: not a time: seconds, or a number with "
        "us, ms, s, min, h or d"},
    {"server_idle_timeout", "5 m",
        "!server_idle_timeout = 5 m: not a time: seconds, or a number with "
        "us, ms, s, min, h or d"},
    {"server_idle_timeout", ".5",
        "!server_idle_timeout = .5: not a time: seconds, or a number with us, "
        "ms, s, min, h or d"},
    {"monitor_interval", "0.001",
        "!monitor_interval = 0.001: out of range 0.01 to 3600 seconds"},
    {"replay_max_bytes", "64kB", "65536"},
    {"replay_max_bytes", "1 MB", "1048576"},
    {"replay_max_bytes", "100", "100"},
    {"replay_max_bytes", "1.5kb", "1536"},
    {"replay_max_bytes", "1GB",
        "!replay_max_bytes = 1GB: out of range 0 to 67108864"},
    {"replay_max_bytes", "1TB",
        "!replay_max_bytes = 1TB: not a size: bytes, or a number with kB, MB "
        "or GB"},
    {"unix_socket_mode", "0777", "0777"},
    {"unix_socket_mode", "700", "0700"},
    {"unix_socket_mode", "0", "0000"},
    {"unix_socket_mode", "1777",
        "!unix_socket_mode = 1777: not an octal file mode up to 0777"},
    {"unix_socket_mode", "0888",
        "!unix_socket_mode = 0888: not an octal file mode up to 0777"},
    {"pool_mode", "Transaction", "transaction"},
    {"pool_mode", "transactional",
        "!pool_mode = transactional: not one of session, transaction, "
        "statement"},
    {"pool_mode", "",
        "!pool_mode = : not one of session, transaction, statement"},
    {"syslog_facility", "local7", "local7"},
    {"admin_users", "a, b ,c d,,", "a,b,c,d"},
    {"admin_users", "", ""},
    {"logfile", "/x y;z", "/x y;z"},
    {"monitor_password", "hush", "****"},
    {"monitor_password", "", ""},
    {"max_packet_size", "2147483647", "2147483647"},
    {"max_packet_size", "2147483648",
        "!max_packet_size = 2147483648: out of range 1024 to 2147483647"},
};

START_TEST(values_are_parsed_bounded_and_printed)
{
	const struct value_case *row = &values[_i];
	const struct setting *setting = setting_find(row->name);
	struct settings settings;
	struct error err;
	struct buf got = {0};

	settings_init(&settings);
	ck_assert_ptr_nonnull(setting);
	if (settings_set(&settings, setting, row->text, &err) < 0) {
		struct buf def = {0};

		buf_printf(&got, "!%s", err.text);
		ck_assert_str_eq(buf_text(&got), row->expected);
		/* and nothing has changed */
		buf_clear(&got);
		settings_print(&settings, setting, &got);
		setting_print_default(setting, &def);
		ck_assert_str_eq(buf_text(&got), buf_text(&def));
		buf_fini(&def);
	} else {
		settings_print(&settings, setting, &got);
		ck_assert_str_eq(buf_text(&got), row->expected);
	}
	buf_fini(&got);
	settings_fini(&settings);
}
END_TEST

START_TEST(a_comment_behind_a_value_is_recognised)
{
	struct settings settings;
	struct error err;

	settings_init(&settings);
	ck_assert_int_eq(settings_set(&settings, setting_find("pool_mode"),
	                     "session ; the best", &err),
	    -1);
	ck_assert_str_eq(err.hint, "comments stand on lines of their own");
	settings_fini(&settings);
}
END_TEST

static const struct status_case {
	const char *name;
	const char *text;     /* NULL: the default */
	const char *expected; /* "" accepted */
} statuses[] = {
    {"auth_type", NULL, ""},
    {"auth_type", "plain", ""},
    {"auth_type", "trust", ""},
    {"auth_type", "any", ""},
    {"auth_type", "scram-sha-256", ""},
    {"auth_type", "ldap",
        "auth_type = ldap: this way of checking clients does not exist yet in "
        "this version; set auth_type to scram-sha-256 or md5 (passwords that "
        "are not sent), plain (passwords in clear text), trust (any password, "
        "known users) or any (any user name; every database needs user=)"},
    {"server_tls_sslmode", NULL, ""},
    {"server_tls_sslmode", "allow", ""},
    {"server_tls_sslmode", "verify-full", ""},
    {"client_tls_sslmode", "verify-ca", ""},
    {"resolv_conf", "", ""},
    {"auth_user", "hi", ""},
    {"application_name_add_host", "off", ""},
};

START_TEST(what_does_not_exist_yet_is_refused)
{
	const struct status_case *row = &statuses[_i];
	const struct setting *setting = setting_find(row->name);
	struct settings settings;
	struct error err = {.text = ""};

	settings_init(&settings);
	if (row->text != NULL) {
		ck_assert_int_eq(
		    settings_set(&settings, setting, row->text, &err), 0);
	}
	(void)!setting_check_status(
	    &settings, setting, row->text == NULL, &err);
	ck_assert_str_eq(err.text, row->expected);
	settings_fini(&settings);
}
END_TEST

START_TEST(nothing_must_be_given)
{
	struct settings settings;
	struct error err;

	settings_init(&settings);
	for (size_t i = 0; i < setting_count; i++) {
		int rc = setting_check_status(
		    &settings, &setting_rows[i], true, &err);

		ck_assert_msg(rc == 0, "%s", setting_rows[i].name);
	}
	settings_fini(&settings);
}
END_TEST

START_TEST(every_row_is_whole)
{
	const struct setting *row = &setting_rows[_i];
	bool has_reason = row->status != STATUS_WORKS || row->accept != NULL;

	ck_assert_msg(
	    row->doc != NULL && strlen(row->doc) > 5, "%s", row->name);
	ck_assert_msg(row->doc[strlen(row->doc) - 1] == '.', "%s", row->name);
	ck_assert_msg(has_reason == (row->why != NULL), "%s", row->name);
	ck_assert_msg(row->status != STATUS_NOT_YET || row->accept != NULL,
	    "%s", row->name);
	ck_assert_msg(
	    (row->status == STATUS_HARMLESS) == (row->group == GROUP_IGNORED),
	    "%s", row->name);
	ck_assert_msg(
	    (row->type == TYPE_ENUM) == (row->words != NULL), "%s", row->name);
	ck_assert_msg(
	    !row->secret || row->type == TYPE_STRING, "%s", row->name);
	ck_assert_msg(!row->secret || row->accept == NULL, "%s", row->name);
	ck_assert_ptr_eq(setting_find(row->name), row);
}
END_TEST

/* pgbouncer 1.25's keys, in the order of its SHOW CONFIG. */
static const char *const pgbouncer_keys[] = {"admin_users",
    "application_name_add_host", "auth_dbname", "auth_file", "auth_hba_file",
    "auth_ident_file", "auth_ldap_options", "auth_query", "auth_type",
    "auth_user", "autodb_idle_timeout", "cancel_wait_timeout",
    "client_idle_timeout", "client_login_timeout", "client_tls13_ciphers",
    "client_tls_ca_file", "client_tls_cert_file", "client_tls_ciphers",
    "client_tls_dheparams", "client_tls_ecdhcurve", "client_tls_key_file",
    "client_tls_protocols", "client_tls_sslmode", "conffile",
    "default_pool_size", "disable_pqexec", "dns_max_ttl", "dns_nxdomain_ttl",
    "dns_zone_check_period", "idle_transaction_timeout",
    "ignore_startup_parameters", "job_name", "listen_addr", "listen_backlog",
    "listen_port", "log_connections", "log_disconnections", "log_pooler_errors",
    "log_stats", "logfile", "login_notify_message", "max_client_conn",
    "max_db_client_connections", "max_db_connections", "max_packet_size",
    "max_prepared_statements", "max_user_client_connections",
    "max_user_connections", "min_pool_size", "peer_id", "pidfile", "pkt_buf",
    "pool_idle_timeout", "pool_mode", "query_timeout", "query_wait_notify",
    "query_wait_timeout", "reserve_pool_size", "reserve_pool_timeout",
    "resolv_conf", "sbuf_loopcnt", "scram_iterations", "server_check_delay",
    "server_check_query", "server_connect_timeout", "server_fast_close",
    "server_idle_timeout", "server_lifetime", "server_login_retry",
    "server_reset_query", "server_reset_query_always", "server_round_robin",
    "server_tls13_ciphers", "server_tls_ca_file", "server_tls_cert_file",
    "server_tls_ciphers", "server_tls_key_file", "server_tls_protocols",
    "server_tls_sslmode", "service_name", "so_reuseport", "stats_period",
    "stats_users", "suspend_timeout", "syslog", "syslog_facility",
    "syslog_ident", "tcp_defer_accept", "tcp_keepalive", "tcp_keepcnt",
    "tcp_keepidle", "tcp_keepintvl", "tcp_socket_buffer", "tcp_user_timeout",
    "track_extra_parameters", "transaction_timeout", "unix_socket_dir",
    "unix_socket_group", "unix_socket_mode", "user", "verbose"};

START_TEST(every_key_of_pgbouncer_is_known)
{
	const char *key = pgbouncer_keys[_i];

	ck_assert_msg(setting_find(key) != NULL, "%s", key);
}
END_TEST

START_TEST(a_misspelt_name_is_recognised)
{
	ck_assert_str_eq(
	    setting_suggest("defualt_pool_size"), "default_pool_size");
	ck_assert_str_eq(setting_suggest("pool_modes"), "pool_mode");
	ck_assert_str_eq(setting_suggest("LISTEN_PORT"), "listen_port");
	ck_assert_ptr_null(setting_suggest("completely_different_thing"));
	ck_assert_ptr_null(setting_suggest(""));
}
END_TEST

START_TEST(a_copy_is_independent_and_equal)
{
	struct settings first, second;
	struct error err;

	settings_init(&first);
	ck_assert_int_eq(
	    settings_set(&first, setting_find("admin_users"), "a,b", &err), 0);
	settings_copy(&second, &first);
	for (size_t i = 0; i < setting_count; i++) {
		ck_assert(settings_equal(&first, &second, &setting_rows[i]));
	}
	ck_assert_int_eq(
	    settings_set(&first, setting_find("admin_users"), "a", &err), 0);
	ck_assert_int_eq(
	    settings_set(&first, setting_find("logfile"), "x", &err), 0);
	ck_assert(
	    !settings_equal(&first, &second, setting_find("admin_users")));
	ck_assert(!settings_equal(&first, &second, setting_find("logfile")));
	settings_fini(&first);
	ck_assert(name_list_has(&second.admin_users, "b"));
	ck_assert(!name_list_has(&second.admin_users, "B"));
	ck_assert_str_eq(second.logfile, "");
	settings_fini(&second);
}
END_TEST

START_TEST(defaults_have_the_units_of_their_fields)
{
	struct settings settings;

	settings_init(&settings);
	ck_assert_int_eq(settings.server_idle_timeout_us, 600 * 1000000LL);
	ck_assert_int_eq(
	    settings.server_unreachable_timeout_us, 10 * 1000000LL);
	ck_assert_uint_eq(settings.replay_max_bytes, 65536);
	ck_assert_int_eq(settings.unix_socket_mode, 0777);
	ck_assert_int_eq(settings.auth_type, AUTH_MD5);
	ck_assert_int_eq(settings.pool_mode, POOL_MODE_SESSION);
	ck_assert_int_eq(settings.server_tls_sslmode, SSLMODE_PREFER);
	ck_assert(settings.read_write_split);
	ck_assert_str_eq(settings.version_prefix, "PgBouncer 1.25.2");
	ck_assert_str_eq(setting_word("auth_type", AUTH_PAM), "pam");
	ck_assert_str_eq(
	    setting_word("server_tls_sslmode", SSLMODE_VERIFY_FULL),
	    "verify-full");
	ck_assert_str_eq(
	    setting_word("pool_mode", POOL_MODE_STATEMENT), "statement");
	settings_fini(&settings);
}
END_TEST

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

int
main(void)
{
	Suite *suite = suite_create("settings");
	TCase *all = tcase_create("settings");

	tcase_add_loop_test(
	    all, values_are_parsed_bounded_and_printed, 0, COUNT_OF(values));
	tcase_add_test(all, a_comment_behind_a_value_is_recognised);
	tcase_add_loop_test(
	    all, what_does_not_exist_yet_is_refused, 0, COUNT_OF(statuses));
	tcase_add_test(all, nothing_must_be_given);
	tcase_add_loop_test(all, every_row_is_whole, 0, (int)setting_count);
	tcase_add_loop_test(
	    all, every_key_of_pgbouncer_is_known, 0, COUNT_OF(pgbouncer_keys));
	tcase_add_test(all, a_misspelt_name_is_recognised);
	tcase_add_test(all, a_copy_is_independent_and_equal);
	tcase_add_test(all, defaults_have_the_units_of_their_fields);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
