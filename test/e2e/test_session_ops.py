"""What pgweir reads in a SET and its kin is what PostgreSQL makes of it.

Each text is run, and in another transaction what test/support/read_ops.c says
it does is done by set_config() and RESET; then every setting must be the same.
"""
import os
import random
import subprocess

import psycopg
import pytest

BINARY = os.environ.get("PGWEIR", "")
READER = os.path.join(os.path.dirname(BINARY), "..", "test", "support",
                      "read_ops")
SET, RESET, RESET_ALL, DISCARD_ALL, DEALLOCATE = range(5)
SAVEPOINT, RELEASE, ROLLBACK_TO = 10, 11, 12

pytestmark = pytest.mark.skipif(not os.path.exists(READER),
                                reason="make check builds read_ops")

# Settings without a default, which pg_settings does not list.
CUSTOM = ["my.tenant", "my.other", "a.b.c"]

VALUES = [
    "1", "-1", "- 1", "+ 2", "0", "-0", "007", "1.5", "-1.50", ".5", "5.",
    "1E3", "-1e-3", "2147483647", "2147483648", "-2147483648",
    "-2147483649", "00000000002147483648", "99999999999999999999",
    "on", "OFF", "true", "False", "yes", "no", "none", "word", "Word",
    '"Word"', "'Word'", "''", "'it''s'", "'a\\b'", "E'a\\\\b\\'c\\x41'",
    "e'x'", "E'\\t\\n'", "$$it's$$", "$q$a$b$q$", "U&'\\0041b'",
    "U&'!0041b' uescape '!'", 'u&"\\0041b"', "'x'\n 'y'", '"q""q"', "'a, b'",
    "'\u00e4\u00f6'", '"\u00c4"', "' x '", "user", "left", "abort", "int",
    "\"$user\"", "_a1", "a$b", "'it''s', b", "a, B, \"C\", 'D e', 5, -1.0, on",
    "ISO, DMY", "'ISO, MDY'", "'5s'", "'64MB'", "100"]
TIMES = ["'Europe/Rome'", "utc", '"UTC"', "-7", "5.5", "+3", "- 8", "local",
         "default", "interval '-08:00' hour to minute", "interval '+5:30'",
         "interval '05:00'", "interval '05:30' hour", "interval '5' hour",
         "interval(0) '05:30'", "'-3'"]
CHARACTERISTICS = [
    "isolation level serializable", "isolation level repeatable read",
    "isolation level read committed", "isolation level read uncommitted",
    "read only", "read write", "deferrable", "not deferrable"]
NAMES = ["my.tenant", "MY.Tenant", '"My"."Tenant"', '"my.tenant"', "a.b.c",
         "search_path", '"Search_Path"', "SEARCH_PATH", "temp_tablespaces",
         "local_preload_libraries", "DateStyle",
         "work_mem", "sort_mem", "vacuum_mem", "application_name",
         "row_security", "extra_float_digits", "timezone", "bytea_output",
         "lock_timeout", "client_min_messages", "synchronous_commit",
         "standard_conforming_strings", "default_transaction_isolation",
         "role", "session_authorization", "random_page_cost", "xmloption"]
OTHERS = [
    "reset work_mem", "reset all", "reset role", "reset time zone",
    "reset session authorization", "set role bob", "set role 'bob'",
    "set local role \"Ops Role\"", "set role none", "SET ROLE NONE",
    "set session authorization bob", "set session authorization default",
    "set session authorization 'Ops Role'",
    "set session session authorization bob",
    "set names 'LATIN1'", "set names", "set names default",
    "set schema 'x'", "set schema 'X y'", "set local schema 'x'",
    "set xml option document", "set xml option content",
    "set work_mem = '1MB'; reset all; set my.tenant = 'x'",
    "set role bob; set search_path = a, \"B\"; reset role",
    "set session authorization bob; reset session authorization",
    "select set_config('my.tenant', 'x', false)",
    "select set_config('my.tenant', null, false)",
    "select set_config('work_mem', null, true)",
    "select set_config('search_path', 'a, \"B\"', false),"
    " set_config('my.other', E'it\\'s', true)",
    "select pg_catalog.set_config('my.tenant', $$x$$, true) as y, 1, now()",
    "set work_mem = '2MB'; set local work_mem = '3MB'",
    "set local work_mem = '2MB'; set work_mem = '3MB'",
    "savepoint a; set my.tenant = 'x'; rollback to A; set my.other = 'y'",
    "savepoint \"A b\"; set my.tenant = 'x'; release savepoint \"A b\"",
    "set my.tenant = 'x'; set my.tenant to default",
]
# These leave nothing behind, and pin nobody.
FREE = ["set transaction_isolation = 'serializable'",
        "set transaction_read_only = on", "set \"Transaction_Read_Only\" = on",
        "reset transaction_isolation", "set transaction_deferrable = on",
        "set transaction read only", "set local work_mem = '1MB'",
        "set local role bob", "set local session authorization bob",
        "discard plans", "discard sequences", "discard temp", "unlisten *",
        "unlisten x", "close all", "select pg_advisory_unlock_all()",
        "select pg_advisory_unlock(1)", "select pg_advisory_unlock_shared(1)",
        "begin; set local work_mem = '1MB'; commit",
        "begin; set local search_path = a; rollback and chain; commit"]


def all_texts():
    for scope in ("", "session ", "local "):
        for name in NAMES:
            for value in VALUES + ["default"]:
                yield f"set {scope}{name} = {value}"
        for value in TIMES:
            yield f"set {scope}time zone {value}"
        for mode in CHARACTERISTICS:
            yield f"set {scope}session characteristics as transaction {mode}"
    yield ("set session characteristics as transaction isolation level"
           " serializable, read only, not deferrable")
    yield from OTHERS


class Reader:
    """read_ops, asked for many texts at once."""

    def __init__(self, texts):
        data = b"".join(text.encode() + b"\0" for text in texts)
        out = subprocess.run([READER], input=data, check=True, timeout=120,
                             stdout=subprocess.PIPE).stdout.decode()
        self.verdicts = []
        for line in out.splitlines():
            words = line.split(" ")
            if words[0] == "text":
                effects, followed = map(int, words[1:])
                self.verdicts.append((effects, followed, []))
            else:
                numbers = list(map(int, words[:6]))
                strings = [None if word == "-" else
                           bytes.fromhex(word[1:]).decode()
                           for word in words[6:]]
                self.verdicts[-1][2].append((*numbers, *strings))
        assert len(self.verdicts) == len(texts)


@pytest.fixture(scope="module")
def conn(cluster):
    with cluster.primary.connect() as conn:
        conn.execute('drop role if exists "Ops Role"')
        conn.execute('create role "Ops Role"')
        yield conn
        conn.execute('drop role "Ops Role"')


def settings(conn):
    found = dict(conn.execute("select name, setting from pg_settings"
                              " where name not like 'transaction%'"
                              " and name <> 'is_superuser'").fetchall())
    row = conn.execute(
        "select current_user, session_user, " + ", ".join(
            f"current_setting('{name}', true)" for name in CUSTOM)).fetchone()
    found.update(zip(["current_user", "session_user", *CUSTOM], row))
    return found


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def setting(name):
    return ".".join(map(quote, name.split(".")))


def do(conn, op):
    _, kind, is_local, is_function, _, parameter, name, value = op
    assert parameter == 0
    if kind == SET:
        conn.execute("select set_config(%s, %s, %s)",
                     (name, value, bool(is_local)))
    elif kind == RESET and is_local:
        conn.execute(f"set local {setting(name)} to default")
    elif kind == RESET:
        conn.execute(f"reset {setting(name)}")
    elif kind == RESET_ALL:
        conn.execute("reset all")
    elif kind == SAVEPOINT:
        conn.execute(f"savepoint {quote(name)}")
    elif kind == RELEASE:
        conn.execute(f"release savepoint {quote(name)}")
    elif kind == ROLLBACK_TO:
        conn.execute(f"rollback to savepoint {quote(name)}")
    else:
        raise AssertionError(f"operation {kind} in {op}")


def outcome(conn, action):
    """The settings after ACTION in a transaction, or its SQLSTATE."""
    conn.execute("begin")
    try:
        action()
        found = settings(conn)
    except psycopg.Error as error:
        found = error.sqlstate
    conn.execute("rollback")
    conn.execute("reset client_encoding")
    return found


def compare(conn, texts, least):
    """At least LEAST of TEXTS must succeed and be followed."""
    good = 0
    for text, (effects, followed, ops) in zip(texts, Reader(texts).verdicts):
        if effects & ~followed or \
                (not ops and text.lower().startswith("set local")):
            continue  # what is not followed, or ends with its transaction
        want = outcome(conn, lambda: conn.execute(text))
        if isinstance(want, str):
            continue
        got = outcome(conn, lambda: [do(conn, op) for op in ops])
        assert not isinstance(got, str), f"{text}: {ops} fails with {got}"
        wrong = {name: (got[name], want[name]) for name in want
                 if got.get(name) != want[name]}
        assert not wrong, f"{text}: {ops}: got and want: {wrong}"
        good += 1
    assert good >= least, f"only {good} of {len(texts)} were compared"


def test_operations_do_what_their_text_does(conn):
    texts = list(all_texts())
    random.Random(1).shuffle(texts)
    compare(conn, texts[:1200] + OTHERS, 400)


def test_every_key_word_is_quoted_in_a_list_as_the_server_quotes_it(conn):
    words = [row[0] for row in
             conn.execute("select word from pg_get_keywords()").fetchall()]
    assert len(words) > 400
    compare(conn, [f"set search_path to '{word}'" for word in words],
            len(words))


def test_what_has_no_effect_leaves_every_setting_as_it_was(cluster):
    for text, (effects, _, _) in zip(FREE, Reader(FREE).verdicts):
        assert effects == 0, text
        with cluster.primary.connect() as conn:
            before = settings(conn)
            conn.execute(text)
            assert conn.info.transaction_status == 0
            assert settings(conn) == before, text


def test_names_of_savepoints_and_statements_are_folded_as_the_server_does(conn):
    texts = ['deallocate "Ps A"', "deallocate prepare PS_B",
             "deallocate ALL"]
    for text, (_, followed, ops) in zip(texts, Reader(texts).verdicts):
        conn.execute('prepare "Ps A" as select 1; prepare PS_b as select 2')
        before = {row[0] for row in conn.execute(
            "select name from pg_prepared_statements")}
        conn.execute(text)
        after = {row[0] for row in conn.execute(
            "select name from pg_prepared_statements")}
        assert followed
        gone = {"Ps A", "ps_b"} if ops[0][6] is None else {ops[0][6]}
        assert before - after == gone, text
        conn.execute("deallocate all")
