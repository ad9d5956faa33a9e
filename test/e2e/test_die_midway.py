"""Whoever dies, is killed or is cut off in the midst of anything leaves nothing
of its session behind: not a byte, a setting, a role or a statement."""
import contextlib

import pytest

import wire
from procs import wait_until
from wire import (bind, copy_data, describe, execute, flush, parse, query,
                  sync, terminate)

OWN = "select current_setting('my.who', true) || ' ' || current_user || ' '" \
      " || current_setting('work_mem') for update"
# Of a new session: nothing set, nobody else, no statement but ours.
TRACES = """select current_user || ' ' || session_user || ' '
  || coalesce(nullif(current_setting('my.who', true), ''), '-') || ' '
  || (select coalesce(string_agg(name || '=' || setting, ' '), '-')
        from pg_settings where source = 'session') || ' '
  || (select count(*) from pg_prepared_statements
        where name !~ '^pgweir_[0-9a-f]+$' and statement !~ 'TRACES')
  || /* TRACES */ ' ' || (select count(*) from pg_cursors
        where name <> '' and name <> 'pgweir_reset')
  || ' ' || (select count(*) from pg_locks
        where locktype = 'advisory' and pid = pg_backend_pid())
  for update"""
CLEAN = "app app - - 0 0 0"
SET_ALL = ("set my.who = 'dead'; set role bob; set work_mem = '7MB';"
           " set search_path = pg_catalog; set datestyle = 'German'")
PROFILE = {"options": "-c my.who=dead -c work_mem=7MB -c role=bob"}


@pytest.fixture(scope="module")
def members(cluster):
    """bob can be taken on; "gone" comes and goes."""
    with cluster.primary.connect() as conn:
        conn.execute("grant bob to app")
        conn.execute("create table if not exists die (i int)")
        conn.execute("grant all on die to public")


def kill_servers(cluster):
    with cluster.primary.connect() as conn:
        conn.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                     " where usename = 'app' and pid <> pg_backend_pid()"
                     " and backend_type = 'client backend'")


# What is sent before the end, each in one write.
LAST_WORDS = {
    "a set": query(SET_ALL),
    "a set and half a message": query(SET_ALL) + query("select 1")[:7],
    "a set without its sync": parse("set my.who = 'dead'") + bind() + execute(),
    "a set in a transaction": query("begin") + query(SET_ALL),
    "a set local": query("begin; set local my.who = 'dead'; set local role bob"),
    "a set that fails": query(SET_ALL + "; select 1/0"),
    "a parse alone": parse("select 'dead'", "s") + flush(),
    "a parse unsynced": parse("select 'dead'", "s"),
    "an unnamed parse": parse("set my.who = 'dead'") + sync(),
    "half a parse": parse("select 'dead'", "s")[:9],
    "a bind without execute":
        parse("set my.who = 'dead'", "s") + bind((), "s") + sync(),
    "a slow set": query("select pg_sleep(0.2)") + query(SET_ALL),
    "a slow pipeline": parse("select pg_sleep(0.2)") + bind() + execute()
        + sync() + parse("set my.who = 'dead'", "s") + bind((), "s")
        + execute() + sync(),
    "a function": query("select set_config(n, 'dead', false) from"
                        " (values ('my.who')) v (n)"),
    "sql prepare": query("prepare s as select 'dead'"),
    "a copy": query("copy die from stdin") + copy_data(b"1\n"),
    "an extended copy": parse("copy die from stdin") + bind() + execute()
        + sync() + copy_data(b"1\n"),
    "a copy behind a set": query("set my.who = 'dead'")
        + query("copy die from stdin") + copy_data(b"1\n")[:6],
    "a copy that fails": query("begin; set my.who = 'dead'")
        + query("copy die from stdin") + copy_data(b"x\n"),
    "copy out": query("set my.who = 'dead'")
        + query("copy (select repeat('x', 1000) from"
                " generate_series(1, 20000)) to stdout"),
    "a big answer": query("select repeat('dead', 1000) from"
                          " generate_series(1, 20000)"),
    "a reset": query("reset all; discard all"),
    "discard all": query(SET_ALL) + query("discard all"),
    "literals": parse("select '\\'", "s") + sync()
        + query("set standard_conforming_strings = off"),
}


def end_by_close(conn, cluster):
    conn.close()


def end_by_terminate(conn, cluster):
    with contextlib.suppress(OSError):
        conn.send(terminate())
    conn.close()


def end_by_cancel(conn, cluster):
    conn.cancel()
    conn.close()


def end_by_kill(conn, cluster):
    kill_servers(cluster)
    conn.close()


@pytest.fixture
def few(pgweir, members, cluster):
    """One server, two neighbours with settings of their own."""
    proxy = pgweir(default_pool_size=2, query_wait_timeout=20)
    with proxy.login(database="primary") as one, \
            proxy.login(database="primary", options="-c my.who=two") as two:
        one.ask("set my.who = 'one'; set work_mem = '5MB'")
        two.send(parse("select 'two''s'", "s"), sync())
        assert two.types_until() == "1Z"
        yield proxy, one, two


def check(proxy, one, two):
    assert one.value(OWN) == "one app 5MB"
    assert two.value(OWN) == "two app 4MB"
    two.send(bind((), "s"), execute(), sync())
    rows = [f for f in two.read_until("Z") if f.type == "D"]
    assert wire.row_of(rows[0].payload) == ["two's"]
    one.send(bind((), "s"), execute(), sync())
    assert one.types_until() == "EZ"
    one.send(bind(), execute(), sync())
    assert one.types_until() == "EZ"
    with proxy.login(database="primary") as a, \
            proxy.login(database="primary") as b:
        a.ask("begin")  # both servers are looked at
        assert a.value(TRACES) == CLEAN
        assert b.value(TRACES) == CLEAN
        a.ask("rollback")


def settled(call):
    """CALL may lose its server once: it was killed while nobody had it."""
    try:
        return call()
    except (wire.WireError, wire.Closed, ConnectionError):
        return None


@pytest.mark.parametrize("end", [
    end_by_close, end_by_terminate, end_by_cancel, end_by_kill],
    ids=lambda end: end.__name__)
def test_nothing_is_left_behind(few, cluster, end):
    proxy, one, two = few
    for name, words in LAST_WORDS.items():
        conn = proxy.login(database="primary")
        conn.send(words)
        if end is end_by_kill:
            # Neighbours have none at the moment; each new one is clean.
            end(conn, cluster)
            wait_until(lambda: settled(lambda: check(proxy, one, two) or True),
                       10, name)
        else:
            end(conn, cluster)
        try:
            check(proxy, one, two)
        except AssertionError as problem:
            raise AssertionError(f"after {name}: {problem}") from problem


@pytest.mark.parametrize("end", [
    end_by_close, end_by_terminate, end_by_cancel],
    ids=lambda end: end.__name__)
def test_nothing_is_left_behind_by_who_came_with_settings(few, cluster, end):
    """Its first request follows a switch of settings that waits."""
    proxy, one, two = few
    for name, words in LAST_WORDS.items():
        conn = proxy.login(database="primary", **PROFILE)
        check(proxy, one, two)
        conn.send(words)
        end(conn, cluster)
        try:
            check(proxy, one, two)
        except AssertionError as problem:
            raise AssertionError(f"after {name}: {problem}") from problem


def test_a_role_that_is_dropped_leaves_nothing(few, cluster):
    proxy, one, two = few
    with cluster.primary.connect() as conn:
        conn.execute("create role gone")
        conn.execute("grant gone to app")
        with proxy.login(database="primary", options="-c role=gone") as his:
            assert his.value("select current_user for update") == "gone"
            check(proxy, one, two)
            conn.execute("drop role gone")
            for data in (query("select current_user for update"),
                         parse("select 1", "t") + bind((), "t") + execute()
                         + sync(), query("set my.who = 'dead'")):
                his.send(data)
                assert his.types_until() == "EZ"
                check(proxy, one, two)
            his.send(query("reset role"), query(OWN), parse("s"))
            his.close()
    check(proxy, one, two)


@pytest.mark.parametrize("name, value", [
    ("temp_tablespaces", "nowhere"), ("default_tablespace", "nowhere"),
    ("default_text_search_config", "no.thing"), ("lc_monetary", "xx_XX")])
def test_a_value_that_is_refused_later_leaves_nothing(few, name, value):
    """Refused or not, at login or on the way."""
    proxy, one, two = few
    with contextlib.suppress(wire.WireError, wire.Closed):
        with proxy.login(database="primary",
                         options=f"-c my.who=dead -c {name}={value}") as conn:
            conn.send(query(OWN), query("set role bob"))
            conn.read_until("Z")
    check(proxy, one, two)


def test_settings_of_a_request_that_is_cut_short_travel_to_nobody(few):
    """Half a request, behind settings that go in front of it."""
    proxy, one, two = few
    for words in (query("select 1 for update")[:-3],
                  parse("select 1") + bind() + describe(),
                  parse("select 1 for update") + flush(),
                  parse("x" * 70000)[:66000]):
        conn = proxy.login(database="primary", application_name="dead",
                           options="-c statement_timeout=77s")
        check(proxy, one, two)
        conn.send(words)
        conn.close()
        check(proxy, one, two)
