"""Settings mean what they mean without pgweir."""
import pytest

from twoway import (Script, answered, cases, on, one_shot, prepare, run_of,
                    use, whole)
from wire import bind, close, describe, execute, flush, parse, query, sync

HIDDEN = r"select '\' , '; set work_mem to 7777; select ' as x -- '"

PLAIN = {
    "set and show": ["set work_mem = '7MB'", "show work_mem",
                     "reset work_mem", "show work_mem"],
    "set to default": ["set work_mem = '7MB'", "set work_mem to default",
                       "show work_mem"],
    "set session": ["set session work_mem to '7MB'", "show work_mem",
                    "SET SESSION Work_Mem = DEFAULT", "show work_mem"],
    "set of a bad value": ["set work_mem = 'much'", "show work_mem"],
    "set of an unknown name": ["set no_such_setting = 1",
                               "set my.tenant = 'x'", "show my.tenant"],
    "bad values": [
        "set work_mem = '7MB'", "set work_mem = '1'", "set work_mem = -5",
        "set work_mem = '7 parsecs'", "show work_mem",
        "set statement_timeout = 'soon'", "set datestyle = 'Klingon'",
        "set timezone = 'Nowhere/Else'", "set client_encoding = 'X'",
        "set role nosuch", "set enable_seqscan = maybe",
        "set extra_float_digits = 17", "set search_path to",
        "set bytea_output = 'x'", "set transaction_isolation = 'x'",
        "show datestyle", "show timezone", "select current_user"],
    "names that may not be set": [
        "set port = 1", "set shared_buffers = '1GB'", "set log_statement ="
        " 'all'", "set server_version = '1'", "set lc_collate = 'C'",
        "set is_superuser = on", "set my. = 1", "set my..x = 1",
        "set \"my tenant\" = 1", "set a.b.c = 'd'", "show a.b.c",
        "show no_such", "reset no_such", "reset port",
        "reset server_version"],
    "forms of values": [
        "set work_mem = 8192", "show work_mem", "set work_mem to 8.5e3",
        "show work_mem", "set work_mem = '0x2000'", "show work_mem",
        "set enable_seqscan = off", "show enable_seqscan",
        "set enable_seqscan = 'f'", "show enable_seqscan",
        "set enable_seqscan = 1", "show enable_seqscan",
        "set enable_seqscan to TRUE", "show enable_seqscan",
        "set statement_timeout = '1.5min'", "show statement_timeout",
        "set extra_float_digits = -3", "show extra_float_digits",
        "select 1.0::float8 / 3", "set seq_page_cost = .5",
        "show seq_page_cost", "set bytea_output = escape",
        "select '\\x00ff'::bytea", "set \"BYTEA_OUTPUT\" = 'HEX'",
        "show bytea_output", "set intervalstyle to iso_8601",
        "select interval '1 day 2 hours'", "set xmloption = content",
        "show xmloption"],
    "quotes and backslashes": [
        r"set my.tenant = 'it''s \ "" ; -- $$ /* %s'", "show my.tenant",
        r"set my.tenant = E'it\'s \\ \n'", "show my.tenant",
        "set my.tenant = $$it's$$", "set my.tenant = U&'d\\0061ta'",
        "show my.tenant", "set my.tenant = \"It's\"", "show my.tenant",
        "set my.tenant = Bare", "show my.tenant", "set my.tenant = ''",
        "show my.tenant", "set my.tenant = 'größe \U0001f418'",
        "show my.tenant", "set application_name = 'größe'",
        "show application_name", "set my.tenant = a, 'b c', 3",
        "show my.tenant", "set my.tenant = '" + "x" * 5000 + "'",
        "show my.tenant"],
    "comments and case": [
        "/* a */ SeT /* b */ WORK_MEM /* c */ To /* d */ '7MB' -- e",
        "show work_mem", "set work_mem\n=\n'8MB';", "show work_mem",
        "  ;set work_mem = '9MB'; ;", "show work_mem",
        "rEset WORK_MEM", "show work_mem"],
    "from current": [
        "set work_mem from current", "set local work_mem from current",
        "show work_mem"],
    "custom names": [
        "set my.tenant = 'a'", "set My.Tenant = 'b'", "show my.tenant",
        "set \"MY.Tenant\" = 'c'", "show MY.TENANT",
        "set my.other to 7", "select current_setting('my.other')",
        "set my.tenant to default", "select current_setting('my.tenant')",
        "reset my.other", "select current_setting('my.other')",
        "select current_setting('My.Never')", "reset my.never",
        "select current_setting('my.never', true)"],
    "show": [
        "show work_mem", "show timezone", "show time zone",
        "show transaction isolation level", "show session authorization",
        "show search_path", "show datestyle", "show server_version_num",
        "show is_superuser", "show role", whole("show work_mem"),
        "set work_mem = '7MB'", whole("show work_mem"),
        "select setting from pg_settings where name = 'work_mem'",
        "select current_setting('WORK_mem')", "show transaction_read_only"],
    "seed": ["select setseed(0.5)", "select random()",
             "set seed = 0.25", "show seed"],
    "read only": [
        "set default_transaction_read_only = on", "insert into tw values (9)",
        "begin", "insert into tw values (9)", "rollback", "begin read write",
        "insert into tw values (9)", "commit", "select count(*) from tw",
        "set default_transaction_read_only = off",
        "insert into tw values (10)", "select count(*) from tw"],
    "isolation": [
        "set default_transaction_isolation = 'serializable'", "begin",
        "show transaction_isolation", "commit", "select count(*) from tw",
        "reset default_transaction_isolation", "show transaction_isolation"],
    "the transaction's own": [
        "set transaction_isolation = 'serializable'",
        "show transaction_isolation", "begin",
        "set transaction_isolation = 'serializable'",
        "show transaction_isolation", "set transaction_read_only = on",
        "insert into tw values (9)", "rollback",
        "show transaction_isolation", "insert into tw values (9)"],
    "session characteristics": [
        "set session characteristics as transaction read only",
        "insert into tw values (9)", "show transaction_read_only",
        "set session characteristics as transaction read write",
        "insert into tw values (9)",
        "set session characteristics as transaction isolation level"
        " repeatable read, deferrable", "show transaction_isolation",
        "show default_transaction_deferrable", "begin",
        "set session characteristics as transaction read only", "commit",
        "insert into tw values (9)", "begin",
        "set session characteristics as transaction read write", "rollback",
        "insert into tw values (9)"],
    "statement timeout": ["set statement_timeout = 20",
                          "select pg_sleep(1)", "reset statement_timeout",
                          "select pg_sleep(0.03)"],
    "statement timeout of a transaction": [
        "begin", "set local statement_timeout = 20", "select pg_sleep(1)",
        "rollback", "select pg_sleep(0.03)"],
}

ZONES = {
    "forms": [
        step for value in (
            "'Asia/Tokyo'", "-7", "5.5", "interval '-08:00' hour to minute",
            "interval '3 hours'", "local", "'PST8PDT'", "default", "'+05:30'",
            "utc", "\"Europe/Berlin\"", "'Nowhere'", "interval '1 month'",
            "interval(3) '02:00'", "200")
        for step in (f"set time zone {value}", "show timezone",
                     "select timestamptz '2020-01-01 00:00Z'")],
    "local to a transaction": [
        "begin", "set local time zone 'Asia/Tokyo'", "show timezone",
        "commit", "show timezone", "set session time zone -3",
        "show timezone", "begin", "set time zone default", "show timezone",
        "rollback", "show timezone", "reset time zone", "show timezone"],
    "as a setting": [
        "set timezone = 'Asia/Tokyo'", "set timezone to 5",
        "show timezone", "set timezone = '<+07>-07'", "show timezone",
        "select now()::text like '%+07'", "set timezone to default",
        "show timezone"],
}

NAMES_OF_ENCODINGS = {
    "names": ["set names 'LATIN1'", "show client_encoding",
              "select U&'\\00e9', U&'\\20ac'",
              "set client_encoding to 'UTF8'", "select U&'\\20ac'",
              "set names default", "show client_encoding",
              "set names 'no such'", "set names", "show client_encoding"],
    "names in a transaction": [
        "begin", "set names 'LATIN1'", "select U&'\\00e9'", "rollback",
        "select U&'\\00e9'", "begin", "set local client_encoding = latin1",
        "select U&'\\00e9'", "commit", "select U&'\\00e9'"],
    "two encodings": [
        on("b", "set client_encoding = 'LATIN1'"), "select '\u00e9'",
        on("b", (query(b"select '\xe9', length('\xe9')"),)),
        "select length('\u00e9')", on("b", (query(b"select '\xe9'"),)),
        (query(b"select '\xe9'"),),
        on("b", "set my.tenant = '\u00e9'"), on("b", "show my.tenant"),
        "set my.tenant = '\u00e9'", "show my.tenant",
        on("b", "set names 'UTF8'"), on("b", "show my.tenant")],
}

LISTS = {
    "search path": ["set search_path = pg_catalog", "select count(*) from tw",
                    "set search_path = public", "select count(*) from tw"],
    "paths": [
        step for value in (
            "tw_x, public", "tw_y, tw_x", "'tw_x', \"tw_y\"",
            "\"tw, \"\"z\"", "\"tw, \"\"z\", public", "''", "'', tw_x",
            "\"$user\", public", "'tw_x,tw_y'", "TW_X", "\"TW_X\"",
            "nowhere", "pg_temp, tw_x", "pg_catalog, tw_y", "default",
            "'tw_x', ''", "U&'tw\\005fx'")
        for step in (f"set search_path = {value}", "show search_path",
                     "select v from tt")],
    "schema": ["set schema 'tw_x'", "show search_path", "select v from tt",
               "begin", "set local schema 'tw_y'", "select v from tt",
               "commit", "select v from tt"],
    "paths by function": [
        "select set_config('search_path', 'tw_x', false)", "select v from tt",
        "select set_config('search_path', '\"tw, \"\"z\"', false)",
        "select v from tt", "show search_path",
        "select set_config('search_path', '', false)", "select v from tt",
        "select set_config('search_path', 'tw_x,tw_y', false)",
        "select v from tt", "show search_path",
        "select set_config('search_path', 'a b c', false)",
        "select set_config('search_path', null, false)",
        "show search_path"],
    "styles": [
        step for value in ("'ISO, DMY'", "german", "'SQL'", "dmy",
                           "'Postgres, MDY'", "ISO, YMD", "'bad, worse'",
                           "default")
        for step in (f"set datestyle = {value}", "show datestyle",
                     "select date '01-02-03'")],
    "libraries": [
        "set temp_tablespaces = ''", "show temp_tablespaces",
        "set temp_tablespaces = nowhere",
        "set local_preload_libraries = 'x'",
        "set session_preload_libraries = 'x'"],
}

FUNCTIONS = {
    "set config": ["select set_config('work_mem', '7MB', false)",
                   "show work_mem", "reset all", "show work_mem"],
    "of the transaction": [
        "begin", "select set_config('my.tenant', 'x', true)",
        "select current_setting('my.tenant')", "commit",
        "select current_setting('my.tenant', true)"],
    "of the transaction, outside": [
        "select set_config('work_mem', '7MB', true)", "show work_mem",
        "select set_config('work_mem', '7MB', true), current_setting("
        "'work_mem')", "show work_mem"],
    "null": [
        "select set_config('work_mem', '7MB', false)",
        "select set_config('work_mem', null, false)", "show work_mem",
        "select set_config(null, 'x', false)",
        "select set_config('work_mem', '8MB', null)", "show work_mem",
        "select set_config('my.tenant', null, false)", "show my.tenant"],
    "forms": [
        "select pg_catalog.set_config('work_mem', '7MB', false)",
        "show work_mem", "select set_config('WORK_MEM', '8MB', 'off')",
        "show work_mem", "select set_config('work_mem', '9MB', 'f'::bool)",
        "show work_mem", "select set_config('my.tenant', $$a'b$$, false)",
        "show my.tenant", "select set_config('my.tenant', E'a\\nb', false)",
        "show my.tenant",
        "select set_config('my.' || 'tenant', 'ab' || 'c', 1 = 0)",
        "show my.tenant",
        "select set_config(setting_name => 'work_mem', new_value => '6MB',"
        " is_local => false)", "show work_mem",
        "select set_config('work_mem', '5MB')", "show work_mem"],
    "several": [
        "select set_config('my.tenant', 'a', false),"
        " set_config('my.other', 'b', false)", "show my.tenant",
        "show my.other",
        "select set_config('my.tenant', 'c', false),"
        " set_config('my.tenant', 'd', false)", "show my.tenant",
        "select set_config('my.tenant', 'e', false),"
        " set_config('work_mem', 'bad', false)", "show my.tenant",
        "show work_mem"],
    "several of a transaction": [
        "begin",
        "select set_config('role', 'bob', true),"
        " set_config('search_path', 'tw_x', true),"
        " set_config('my.tenant', '{\"sub\": \"7\"}', true),"
        " set_config('statement_timeout', '3s', true)",
        "select current_user, v from tt", "show my.tenant",
        "show statement_timeout", "commit", "select current_user",
        "select v from tt", "show my.tenant", "show statement_timeout"],
    "in odd places": [
        "select 1 where set_config('my.tenant', 'a', false) = 'a'",
        "show my.tenant",
        "select set_config('my.tenant', 'b', false) from tw where false",
        "show my.tenant",
        "select set_config('my.tenant', i::text, false) from tw order by i",
        "show my.tenant",
        "with x as (select set_config('my.tenant', 'c', false)) select 1",
        "show my.tenant",
        "with x as (select set_config('my.tenant', 'd', false))"
        " select * from x", "show my.tenant",
        "select case when false then set_config('my.tenant', 'e', false)"
        " end", "show my.tenant",
        "select coalesce('x', set_config('my.tenant', 'f', false))",
        "show my.tenant",
        "values (set_config('my.tenant', 'g', false))", "show my.tenant",
        "select * from set_config('my.tenant', 'h', false)",
        "show my.tenant", "insert into tw select length(set_config("
        "'my.tenant', 'i', false))", "show my.tenant",
        "select set_config('my.tenant', 'j', false) limit 0",
        "show my.tenant", "explain (costs off)"
        " select set_config('my.tenant', 'k', false)", "show my.tenant",
        "explain (analyze, costs off, timing off, summary off)"
        " select set_config('my.tenant', 'l', false)", "show my.tenant",
        "select set_config('my.tenant', 'm', false) union all"
        " select set_config('my.tenant', 'n', false)", "show my.tenant",
        "create table tw_new as select set_config('my.tenant', 'o', false)",
        "show my.tenant"],
    "with parameters": [
        whole("select set_config($1, $2, false)", ["my.tenant", "seven"]),
        "select current_setting('my.tenant')"],
    "with a value as parameter": [
        whole("select set_config('my.tenant', $1, false)", ["it's \\ a"]),
        "show my.tenant",
        whole("select set_config('my.tenant', $1, false)", [None]),
        "show my.tenant",
        whole("select set_config('work_mem', $1, false)", ["bad"]),
        whole("select set_config('work_mem', $1, false)", ["7MB"]),
        "show work_mem",
        (parse("select set_config('my.tenant', $1, false)"),
         bind([b"binary"], formats=(1,)), execute(), sync()),
        "show my.tenant",
        (parse("select set_config('my.tenant', $1::int::text, false)"),
         bind([b"\0\0\0\7"], formats=(1,)), execute(), sync()),
        "show my.tenant",
        (parse("select set_config('my.tenant', $1, false)", "", (1043,)),
         bind(["varchar"]), execute(), sync()), "show my.tenant",
        whole("select set_config('my.tenant', $1, $2)", ["x", "false"]),
        "show my.tenant",
        whole("select set_config('my.tenant', $2, false), $1::text",
              ["no", "yes"]), "show my.tenant",
        whole("select set_config('my.tenant', $1, false),"
              " set_config('my.other', $2, false)", ["1", "2"]),
        "show my.tenant", "show my.other"],
    "with a value as parameter, locally": [
        "begin", whole("select set_config('my.tenant', $1, true)", ["a"]),
        "show my.tenant", "commit", "show my.tenant",
        (one_shot("begin"),
         one_shot("select set_config('my.tenant', $1, true)", ["b"]),
         one_shot("show my.tenant"), one_shot("commit"), sync()),
        "show my.tenant",
        (one_shot("select set_config('my.tenant', $1, true)", ["c"]),
         one_shot("show my.tenant"), sync()), "show my.tenant"],
    "prepared": [
        prepare("s", "select set_config('my.tenant', $1, false)"),
        use("s", ["a"]), "show my.tenant", use("s", ["b"]), "show my.tenant",
        "begin", use("s", ["c"]), "rollback", "show my.tenant",
        (bind(["d"], "s"), sync()), "show my.tenant",
        (bind(["e"], "s"), execute(), bind(["f"], "s"), execute(), sync()),
        "show my.tenant",
        (bind(["g"], "s", "x"), bind(["h"], "s", "y"), execute("y"),
         execute("x"), sync()), "show my.tenant",
        (bind(["i"], "s"), describe(), sync()), "show my.tenant",
        use("s", [None]), "show my.tenant", use("s"), "show my.tenant"],
    "prepared, bound in one batch, executed in the next": [
        prepare("s", "select set_config('my.tenant', $1, false)"), "begin",
        (bind(["a"], "s", "x"), sync()),
        "select coalesce(current_setting('my.tenant', true), '')", (execute("x"), sync()), "commit", "show my.tenant"],
}

ROLES = {
    "role": ["set role bob", "select current_user", "reset role",
             "select current_user", "set role nosuch"],
    "role locally": ["begin", "set local role bob", "select current_user",
                     "commit", "select current_user"],
    "forms of role": [
        "set role 'bob'", "select current_user", "set role none",
        "select current_user", "set session role \"bob\"",
        "select current_user, current_setting('role')",
        "set role to bob", "show role", "set role = 'app'", "show role",
        "set role default", "select current_user", "set role alice",
        "set role \"BOB\"", "select set_config('role', 'bob', false)",
        "select current_user", "select set_config('role', 'none', false)",
        "select current_user"],
    "role in transactions": [
        "begin", "set role bob", "rollback", "select current_user", "begin",
        "set role bob", "commit", "select current_user", "begin",
        "set local role none", "select current_user", "savepoint a",
        "set role app", "rollback to a", "select current_user", "commit",
        "select current_user", "begin", "reset role", "select current_user",
        "rollback", "select current_user"],
    "role may not": [
        "create table tw_new (a int)", "set role bob",
        "select * from tw_new", "reset role", "select * from tw_new"],
    "session authorization": ["set session authorization bob",
                              "reset session authorization",
                              "select session_user"],
    "session authorization of a superuser": Script([
        "set session authorization bob", "select session_user, current_user",
        "select * from pg_authid limit 0", "set role direct",
        "reset session authorization", "select session_user",
        "set session authorization default", "select session_user", "begin",
        "set local session authorization app", "select current_user",
        "set local role bob", "select current_user, session_user", "commit",
        "select current_user, session_user", "begin",
        "set session authorization 'bob'", "rollback",
        "select session_user, current_user", "set role bob",
        "set session authorization app", "select session_user, current_user",
        "show is_superuser", "reset session authorization",
        "select session_user, current_user, current_setting('role')",
        "set session authorization nosuch", "reset all",
        "select session_user, current_user", "discard all",
        "select session_user, current_user"], user="direct"),
    "of a superuser": Script([
        "set role app", "show is_superuser", "set log_statement = 'none'",
        "set session_replication_role = replica", "reset role",
        "show is_superuser", "set session_replication_role = replica",
        "show session_replication_role", "set log_min_messages = 'error'",
        "show log_min_messages", "reset all", "show log_min_messages",
        "select current_user"], user="direct"),
    "two roles": [
        "set role bob", on("b", "select current_user"), "select current_user",
        on("b", "set role app"), "select current_user",
        on("c", "select current_user"), on("b", "reset role"),
        "select current_user", "reset role", on("b", "set role bob"),
        "select current_user", on("b", "select current_user")],
}

TRANSACTIONS = {
    "set local outside": ["set local work_mem = '7MB'", "show work_mem"],
    "set local inside": ["begin", "set local work_mem = '7MB'",
                         "show work_mem", "commit", "show work_mem"],
    "undone by rollback": ["begin", "set work_mem = '7MB'", "rollback",
                           "show work_mem"],
    "undone by a savepoint": [
        "begin", "savepoint a", "set work_mem = '7MB'",
        "rollback to savepoint a", "show work_mem", "commit",
        "show work_mem"],
    "committed": ["begin", "set work_mem = '7MB'", "commit",
                  "show work_mem", "start transaction", "reset work_mem",
                  "end", "show work_mem"],
    "undone by an error": [
        "begin", "set work_mem = '7MB'", "select 1/0",
        "set work_mem = '8MB'", "commit", "show work_mem"],
    "undone by its own error": [
        "begin", "set work_mem = '7MB'", "set work_mem = 'bad'",
        "rollback", "show work_mem"],
    "locally over for good": [
        "begin", "set work_mem = '7MB'", "set local work_mem = '8MB'",
        "show work_mem", "commit", "show work_mem"],
    "for good over locally": [
        "begin", "set local work_mem = '7MB'", "set work_mem = '8MB'",
        "show work_mem", "commit", "show work_mem"],
    "local and reset": [
        "set work_mem = '7MB'", "begin", "set local work_mem = '8MB'",
        "reset work_mem", "show work_mem", "commit", "show work_mem"],
    "local default": [
        "set work_mem = '7MB'", "begin", "set local work_mem to default",
        "show work_mem", "commit", "show work_mem"],
    "savepoints nested": [
        "begin", "set work_mem = '5MB'", "savepoint a",
        "set work_mem = '6MB'", "savepoint b", "set work_mem = '7MB'",
        "rollback to b", "show work_mem", "release b", "show work_mem",
        "rollback to a", "show work_mem", "set work_mem = '8MB'",
        "release a", "commit", "show work_mem"],
    "savepoints of one name": [
        "begin", "savepoint a", "set work_mem = '5MB'", "savepoint a",
        "set work_mem = '6MB'", "rollback to a", "show work_mem",
        "release a", "show work_mem", "rollback to a", "show work_mem",
        "commit", "show work_mem"],
    "savepoints released with inner ones": [
        "begin", "savepoint a", "set work_mem = '5MB'", "savepoint b",
        "set work_mem = '6MB'", "release a", "rollback to b", "rollback",
        "show work_mem", "begin", "savepoint a", "savepoint b",
        "set work_mem = '6MB'", "release a", "commit", "show work_mem"],
    "savepoints with local ones": [
        "begin", "set local work_mem = '5MB'", "savepoint a",
        "set local work_mem = '6MB'", "set my.tenant = 'x'", "savepoint b",
        "set work_mem = '7MB'", "rollback to a", "show work_mem",
        "select current_setting('my.tenant', true)", "commit",
        "show work_mem"],
    "savepoints, rolled back and further": [
        "begin", "savepoint a", "set work_mem = '6MB'", "select 1/0",
        "rollback to a", "set work_mem = '7MB'", "select 1/0",
        "rollback to a", "set work_mem = '8MB'", "commit", "show work_mem"],
    "savepoints with odd names": [
        "begin", "savepoint \"A b\"", "set work_mem = '6MB'", "savepoint A",
        "set work_mem = '7MB'", "rollback to savepoint a", "show work_mem",
        "rollback transaction to \"A b\"", "show work_mem",
        "savepoint " + "x" * 70, "set work_mem = '9MB'",
        "rollback to " + "x" * 63, "show work_mem", "rollback to nowhere",
        "commit"],
    "savepoints by the protocol": [
        whole("begin"), whole("savepoint a"), whole("set work_mem = '6MB'"),
        whole("rollback to a"), whole("show work_mem"),
        whole("set work_mem = '7MB'"), whole("release a"), whole("commit"),
        whole("show work_mem")],
    "commit that fails": [
        "begin", "set constraints all deferred", "set work_mem = '7MB'",
        "insert into tw_unique values (1), (1)", "commit", "show work_mem"],
    "commit that fails, by the protocol": [
        (one_shot("begin"), one_shot("set constraints all deferred"),
         one_shot("set work_mem = '7MB'"),
         one_shot("insert into tw_unique values (1), (1)"), sync()),
        whole("commit"), whole("show work_mem")],
    "implicit commit that fails": [
        "set work_mem = '7MB'; set constraints all deferred; insert into"
        " tw_unique values (1), (1)", "show work_mem",
        "create constraint trigger x after insert on tw deferrable initially"
        " deferred for each row when (new.i = 99) execute function"
        " suppress_redundant_updates_trigger()", "set work_mem = '7MB';"
        " insert into tw values (99)", "show work_mem",
        "drop trigger x on tw"],
    "and chain": [
        "begin", "set work_mem = '7MB'", "commit and chain",
        "show work_mem", "set work_mem = '8MB'", "rollback and chain",
        "show work_mem", "set local work_mem = '9MB'", "commit and chain",
        "show work_mem", "rollback", "show work_mem"],
    "two phases": [
        "begin", "set work_mem = '7MB'", "insert into tw values (10)",
        "prepare transaction 'tw'", "show work_mem",
        "rollback prepared 'tw'", "show work_mem", "begin",
        "set local work_mem = '8MB'", "prepare transaction 'tw'",
        "show work_mem", "commit prepared 'tw'", "show work_mem"],
    "read only": [
        "begin read only", "set work_mem = '7MB'", "show work_mem",
        "select count(*) from tw", "commit", "show work_mem",
        "begin read only", "select 1", "set local work_mem = '8MB'",
        "show work_mem", "rollback", "show work_mem"],
    "local rules": [
        "begin", "set local my.tenant = 'x'", "savepoint a",
        "set local my.tenant = 'y'", "release a", "show my.tenant", "commit",
        "show my.tenant"],
    "reset all in a transaction": [
        "set work_mem = '7MB'", "set my.tenant = 'x'", "begin", "reset all",
        "show work_mem", "show my.tenant", "rollback", "show work_mem",
        "show my.tenant", "begin", "reset all", "commit", "show work_mem",
        "show my.tenant"],
    "others meanwhile": Script([
        "begin", "set work_mem = '7MB'", on("b", "show work_mem"),
        "set local my.tenant = 'x'", on("b", "set my.tenant = 'y'"),
        "show my.tenant", "commit", "show work_mem", on("b", "show work_mem"),
        on("b", "show my.tenant"), "show my.tenant", on("b", "begin"),
        on("b", "set work_mem = '8MB'"), "show work_mem",
        on("b", "rollback"), on("b", "show work_mem")], servers=2),
    "begun by others": [
        on("b", "set work_mem = '6MB'"), "begin", "show work_mem", "commit",
        on("b", "begin"), on("b", "show work_mem"), on("b", "commit")],
}

TEXTS = {
    "of several": ["set work_mem = '7MB'; show work_mem", "show work_mem",
                   "set work_mem = '8MB'; set my.tenant = 'x'; select 1",
                   "show work_mem", "show my.tenant"],
    "with an error": [
        "set work_mem = '7MB'; select 1/0", "show work_mem",
        "select 1/0; set work_mem = '7MB'", "show work_mem",
        "set work_mem = '7MB'; set work_mem = 'bad'; set work_mem = '8MB'",
        "show work_mem", "set work_mem = '7MB'; selec", "show work_mem",
        "reset work_mem; select 1/0", "show work_mem"],
    "with a transaction": [
        "begin; set work_mem = '7MB'; commit", "show work_mem",
        "begin; set work_mem = '8MB'; rollback", "show work_mem",
        "set work_mem = '9MB'; begin; set work_mem = '10MB'; rollback",
        "show work_mem", "begin; set local work_mem = '11MB'; commit;"
        " show work_mem", "show work_mem"],
    "with a transaction and an error": [
        "begin; set work_mem = '7MB'; commit; select 1/0", "show work_mem",
        "begin; set work_mem = '8MB'; select 1/0; commit", "show work_mem",
        "rollback; set work_mem = '9MB'", "show work_mem",
        "set work_mem = '10MB'; commit; set work_mem = '11MB'; select 1/0",
        "show work_mem"],
    "across texts": [
        "begin; set work_mem = '7MB'", "show work_mem; commit; show work_mem",
        "set work_mem = '8MB'; begin; savepoint a; set work_mem = '9MB'",
        "rollback to a; show work_mem; commit", "show work_mem"],
    "with savepoints": [
        "begin; savepoint a; set work_mem = '7MB'; rollback to a;"
        " set my.tenant = 'x'; commit", "show work_mem", "show my.tenant"],
    "local": ["set local work_mem = '7MB'; show work_mem", "show work_mem",
              "select set_config('work_mem', '7MB', true); show work_mem",
              "show work_mem"],
    "discard all": ["set work_mem = '7MB'", "discard all; show work_mem",
                    "show work_mem", "show work_mem; discard all"],
    "reset all": [
        "set work_mem = '7MB'; reset all; show work_mem", "show work_mem",
        "set work_mem = '7MB'", "reset all; select 1/0", "show work_mem"],
    "that switch quoting": [
        "set standard_conforming_strings = off; select 'a\\'b'",
        r"select 'a\'b'", "set standard_conforming_strings = on; select 'a'",
        r"select 'a\'"],
    "with roles": [
        "set role bob; select current_user", "select current_user",
        "reset role; select current_user; select 1/0", "select current_user",
        "begin; set local role none; select current_user; commit;"
        " select current_user", "select current_user"],
}

STRINGS = {
    "off": [
        "set standard_conforming_strings = off",
        r"select '\'; set work_mem = 777; --'", "show work_mem",
        HIDDEN, "show work_mem",
        r"select '\''; set work_mem = '9MB'; select '\\'", "show work_mem",
        whole(r"select 'a\\b'"), "reset standard_conforming_strings",
        r"select 'a\\b'"],
    "off in a transaction": [
        "begin", "set local standard_conforming_strings = off", HIDDEN,
        "commit", "show work_mem", HIDDEN, "show work_mem"],
    "off by function": [
        "begin",
        "select set_config('standard_conforming_strings', 'off', true)",
        HIDDEN, "commit", "show work_mem"],
    "off, then undone": [
        "begin", "set standard_conforming_strings = off", "rollback", HIDDEN,
        "show work_mem", "begin", "savepoint a",
        "set standard_conforming_strings = off", "rollback to a", HIDDEN,
        "show work_mem", "rollback"],
    "off, values set": [
        "set standard_conforming_strings = off",
        r"set my.tenant = 'a\\b\'c'", "show my.tenant",
        r"select set_config('my.tenant', 'x\\y\'z', false)",
        "show my.tenant", "set standard_conforming_strings = on",
        "show my.tenant", r"set my.tenant = 'a\b'", "show my.tenant"],
    "two clients": [
        on("b", "set standard_conforming_strings = off"), HIDDEN,
        on("b", HIDDEN), "show work_mem", on("b", "show work_mem"), HIDDEN],
}

PIPELINES = {
    "in one batch": [
        run_of("set work_mem = '7MB'", "show work_mem"), "show work_mem",
        run_of("set work_mem = '8MB'", "select 1/0", "show work_mem"),
        "show work_mem",
        run_of("select 1/0", "set work_mem = '9MB'"), "show work_mem"],
    "in batches": [
        whole("set work_mem = '7MB'") + whole("show work_mem")
        + whole("select 1/0") + whole("set work_mem = '8MB'")
        + whole("show work_mem"), "show work_mem"],
    "locally": [
        run_of("set local work_mem = '7MB'", "show work_mem"),
        "show work_mem",
        run_of("select set_config('work_mem', '7MB', true)",
               "show work_mem"), "show work_mem"],
    "with a transaction": [
        run_of("begin", "set work_mem = '7MB'", "commit", "show work_mem"),
        "show work_mem",
        run_of("begin", "set work_mem = '8MB'", "rollback", "show work_mem"),
        "show work_mem",
        whole("begin") + whole("set work_mem = '9MB'") + whole("select 1/0")
        + whole("commit") + whole("show work_mem")],
    "queries": [
        (query("set work_mem = '7MB'"), query("show work_mem"),
         query("set work_mem = 'bad'"), query("begin"),
         query("set work_mem = '8MB'"), query("rollback"),
         query("show work_mem"), query("set role bob"),
         query("select current_user"), query("reset role"),
         query("select current_user"))],
    "flushed": [
        answered("12C", parse("set work_mem = '7MB'"), bind(), execute(),
                 flush()), (sync(),), "show work_mem",
        answered("12C", parse("set work_mem = '8MB'"), bind(), execute(),
                 flush()), (one_shot("select 1/0"), sync()),
        "show work_mem"],
    "prepared": [
        prepare("s", "set work_mem = '7MB'"), prepare("t", "reset work_mem"),
        prepare("p", "show work_mem"), use("p"), use("s"), use("p"), use("t"),
        use("p"), (bind((), "s"), execute(), bind((), "p"), execute(),
                   bind((), "t"), execute(), bind((), "p"), execute(),
                   sync()), use("p"),
        (bind((), "s"), sync()), use("p"), (close("S", "s"), sync()),
        use("p")],
    "parsed, not executed": [
        (parse("set work_mem = '7MB'"), sync()), "show work_mem",
        (parse("set work_mem = '7MB'"), bind(), sync()), "show work_mem",
        (parse("set work_mem = '7MB'"), describe("S"), sync()),
        (bind(), execute(), sync()), "show work_mem"],
    "executed in another batch": [
        "begin", (parse("set work_mem = '7MB'"), bind((), "", "x"), sync()),
        "show work_mem", (execute("x"), sync()), "show work_mem", "commit",
        "show work_mem"],
    "executed twice": [
        (parse("set work_mem = '7MB'"), bind(), execute(), execute(),
         sync()), "show work_mem"],
}

HIDDEN_ONES = {
    "function with a setting": Script([
        "create function pg_temp.f() returns text language sql set work_mem ="
        " '7MB' as 'select current_setting(''work_mem'')'",
        "select pg_temp.f()", "show work_mem"], pins=True),
    "function that sets": Script([
        "create function tw_f(int) returns text language sql as"
        " 'select set_config(''work_mem'', $1::text, false)'",
        "select tw_f(7777)", "show work_mem", whole("select tw_f($1)",
                                                    ["8888"]),
        "show work_mem", "reset work_mem", "show work_mem"], pins=True),
    "do block with a setting": Script([
        "do $$ begin perform set_config('work_mem', '7MB', false); end $$",
        "show work_mem"], pins=True),
    "do block with SET": Script([
        "do $$ begin set work_mem = '7MB'; set local my.tenant = 'x'; end $$",
        "show work_mem", "select current_setting('my.tenant', true)",
        "do $$ begin set role bob; end $$", "select current_user",
        "do $$ begin reset role; discard plans; end $$",
        "select current_user"], pins=True),
    "expressions": Script([
        "select set_config('work_mem', (7000 + i) || 'kB', false) from tw"
        " where i = 2", "show work_mem",
        "select set_config(name, '8MB', false) from pg_settings where name ="
        " 'work_mem'", "show work_mem"], pins=True),
    "update of pg_settings": Script([
        "update pg_settings set setting = '7777' where name = 'work_mem'",
        "show work_mem"], pins=True),
    "a view that sets": Script([
        on("b", "create view tw_view as"
                " select set_config('work_mem', '7MB', false)"),
        "select * from tw_view", "show work_mem"], pins=True),
    "a trigger that sets": Script([
        on("b", "create table tw_new (a int)"),
        on("b", "create function tw_f() returns trigger language plpgsql as"
                " 'begin perform set_config(''work_mem'', ''7MB'', false);"
                " return new; end'"),
        on("b", "create trigger x before insert on tw_new for each row"
                " execute function tw_f()"),
        "insert into tw_new values (1)", "show work_mem", "reset work_mem",
        whole("insert into tw_new values ($1)", ["1"]), "show work_mem"],
        pins=True),
    "a default that sets": Script([
        on("b", "create table tw_new (a text default"
                " set_config('work_mem', '7MB', false))"),
        "insert into tw_new default values", "show work_mem"], pins=True),
    "a rule that sets": Script([
        on("b", "create table tw_new (a text)"),
        on("b", "create rule x as on update to tw_new do also"
                " select set_config('work_mem', '7MB', false)"),
        "update tw_new set a = 1", "show work_mem"], pins=True),
    "a column that sets": Script([
        on("b", "create function tw_f(tw) returns text language sql as"
                " 'select set_config(''work_mem'', ''7MB'', false)'"),
        "select tw.tw_f from tw", "show work_mem"], pins=True),
    "do block with notices": Script([
        "do $$ begin raise notice 'one'; raise warning 'two'; end $$",
        "do $$ begin raise exception 'three' using errcode = 'P0099',"
        " hint = 'four'; end $$", "select 1"], pins=True),
    "load": Script(["load 'auto_explain'", "show auto_explain.log_nested_"
                    "statements"], pins=True, user="direct"),
    "messages": ["set client_min_messages = error", "drop table if exists no",
                 "set client_min_messages = notice",
                 "drop table if exists no", "reset client_min_messages"],
}

REPORTED = {
    "one by one": [
        step for value in (
            "datestyle = 'German'", "timezone = 'Asia/Tokyo'",
            "client_encoding = 'LATIN1'", "application_name = 'x'",
            "standard_conforming_strings = off", "intervalstyle = 'iso_8601'",
            "default_transaction_read_only = on", "search_path = 'tw_x'",
            "role = bob")
        for step in (f"set {value}", "select 1",
                     "set " + value.split(" =")[0] + " to default",
                     "select 1")],
    "the same again": ["set datestyle = 'German'", "set datestyle = 'German'",
                       "set timezone = 'Asia/Tokyo'",
                       "set datestyle = 'German, DMY'", "select 1"],
    "several at once": [
        "set timezone = 'Asia/Tokyo'; set datestyle = 'German';"
        " set application_name = 'x'; set intervalstyle = 'iso_8601'",
        "reset all", "set datestyle = 'SQL'; set datestyle = 'ISO'",
        "set timezone = 'Asia/Tokyo'; select 1/0", "discard all"],
    "in transactions": [
        "begin", "set datestyle = 'German'", "select 1", "rollback",
        "begin", "set local timezone = 'Asia/Tokyo'", "select 1", "commit",
        "begin", "savepoint a", "set datestyle = 'SQL'", "rollback to a",
        "commit", "begin; set datestyle = 'German'; rollback",
        "begin; set local datestyle = 'German'; commit"],
    "in pipelines": [
        run_of("set datestyle = 'German'", "set timezone = 'Asia/Tokyo'",
               "select 1"),
        whole("set datestyle = 'SQL'") + whole("set datestyle = 'ISO'"),
        run_of("set datestyle = 'SQL'", "select 1/0"),
        (query("set timezone = 'UTC'"), query("select 1"),
         query("set timezone = 'Asia/Tokyo'"))],
    "by function": [
        "select set_config('datestyle', 'German', false)",
        "select set_config('datestyle', 'ISO', true)",
        whole("select set_config('timezone', $1, false)", ["Asia/Tokyo"]),
        "begin", "select set_config('application_name', 'x', true)",
        "commit"],
    "of two clients": [
        "set datestyle = 'German'", on("b", "set datestyle = 'SQL'"),
        "select date '2020-02-03'", on("b", "select date '2020-02-03'"),
        on("c", "select date '2020-02-03'"), "set datestyle = 'SQL'",
        on("b", "set datestyle = 'German'"), "select date '2020-02-03'",
        on("b", "select date '2020-02-03'")],
}

GROUPS = {"set": PLAIN, "zone": ZONES, "encoding": NAMES_OF_ENCODINGS,
          "list": LISTS, "function": FUNCTIONS, "role": ROLES,
          "transaction": TRANSACTIONS, "text": TEXTS, "strings": STRINGS,
          "pipeline": PIPELINES, "hidden": HIDDEN_ONES, "reported": REPORTED}
SCRIPTS = {f"{group}: {name}": script for group, scripts in GROUPS.items()
           for name, script in scripts.items()}


UNSEEN = "what a rule, a trigger or a view sets is not seen, and left behind"
NOT_YET = {f"hidden: {name}": UNSEEN for name in (
    "update of pg_settings", "a view that sets", "a trigger that sets",
    "a default that sets", "a rule that sets", "a column that sets")}

# Followed in simpler forms only so far: something in these keeps a server.
PINS = (
    "set: bad values",
    "set: names that may not be set",
    "set: from current",
    "set: seed",
    "zone: forms",
    "encoding: two encodings",
    "list: paths",
    "function: null",
    "function: forms",
    "function: in odd places",
    "function: with parameters",
    "function: with a value as parameter",
    "function: prepared",
    "function: prepared, bound in one batch, executed in the next",
    "role: forms of role",
    "text: with an error",
    "text: that switch quoting",
    "pipeline: executed in another batch",
)


@pytest.mark.parametrize("nodes", ["primary", "all"])
@pytest.mark.parametrize("script", cases(SCRIPTS, NOT_YET, PINS))
def test_settings_mean_what_they_mean_without_pgweir(stage, script, nodes):
    stage.compare(script, nodes)
