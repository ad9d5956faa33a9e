"""When a server goes back to its pool: session, transaction, statement."""
import pytest

import wire
from procs import wait_until


def only_primary(cluster, more=""):
    return {"app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
                   f" {more}"}


# -- statement pooling

BLOCK = "transaction blocks not allowed in statement pooling mode"


def test_statements_share_a_server(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="statement")
    clients = [proxy.login() for _ in range(5)]
    pids = {conn.value("select pg_backend_pid()") for conn in clients}
    assert len(pids) == 1
    assert proxy.pool()["pool_mode"] == "statement"
    for conn in clients:
        conn.close()


@pytest.mark.parametrize("begin", [
    "begin", "start transaction read only", "select 1; begin",
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"])
@pytest.mark.parametrize("nodes", ["primary", "all"])
def test_a_transaction_block_ends_the_client_and_its_server(
        pgweir, cluster, begin, nodes):
    proxy = pgweir(databases=only_primary(cluster) if nodes == "primary"
                   else None, pool_mode="statement")
    with proxy.login() as other, proxy.login() as conn:
        assert other.value("select 1") == "1"
        with pytest.raises((wire.WireError, wire.Closed)) as caught:
            conn.ask(begin)
        if isinstance(caught.value, wire.WireError):
            assert BLOCK in caught.value.message
        conn.assert_closed()
        assert other.value("select 2") == "2"
        proxy.wait_for_log(BLOCK)
    wait_until(lambda: not cluster.primary.backends(
        "state like 'idle in transaction%'"), 5, "no transaction is open")


def test_a_block_in_the_extended_protocol_is_refused_too(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="statement")
    with proxy.login() as conn:
        conn.send(wire.parse("begin"), wire.bind(), wire.execute(),
                  wire.sync())
        frames = []
        with pytest.raises(wire.Closed):
            while True:
                frames.append(conn.read_frame())
        assert "E" in [frame.type for frame in frames]
        error = wire.fields_of(
            [frame for frame in frames if frame.type == "E"][-1].payload)
        assert BLOCK in error["M"] and error["S"] == "FATAL"


def test_what_needs_no_block_works(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="statement")
    with proxy.login() as conn:
        # An implicit transaction of several statements, and of a pipeline.
        assert conn.ask("select 1; select 2").tag == "SELECT 1"
        conn.ask("set search_path to app, public")
        assert conn.value("show search_path") == "app, public"
        with pytest.raises(wire.WireError):
            conn.ask("select 1/0")
        assert conn.value("select 1") == "1"


def test_statement_pooling_by_database_and_by_user(pgweir, cluster):
    entry = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    proxy = pgweir(databases={"app": entry,
                              "strict": f"{entry} pool_mode=statement"},
                   users={"alice": "pool_mode=statement"})
    with proxy.login() as conn:
        conn.ask("begin")
        conn.ask("commit")
    for login in ({"database": "strict"}, {"user": "alice"}):
        with proxy.login(**login) as conn:
            with pytest.raises((wire.WireError, wire.Closed)):
                conn.ask("begin")
            conn.assert_closed()


# -- session pooling: the reset

SESSION = {"pool_mode": "session", "default_pool_size": "1"}
TRACES = """select current_setting('work_mem'), current_setting('my.own', true),
  current_user, session_user, (select count(*) from pg_prepared_statements),
  (select count(*) from pg_cursors), (select count(*) from pg_listening_channels()),
  (select count(*) from pg_locks where locktype = 'advisory'
   and pid = pg_backend_pid()),
  (select count(*) from pg_class where relnamespace = pg_my_temp_schema())"""


def backend(conn):
    return conn.value("select pg_backend_pid()")


def leave_traces(conn):
    for text in ("set work_mem = '7MB'", "set my.own = 'secret'",
                 "prepare mine as select 1", "listen mine",
                 "select pg_advisory_lock(4711)",
                 "declare mine cursor with hold for select 1",
                 "create temp table mine ()"):
        conn.ask(text)


def test_a_session_s_server_is_reset_for_the_next(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), **SESSION)
    with proxy.login() as conn:
        pid = backend(conn)
        clean = conn.ask(TRACES).rows
        leave_traces(conn)
    with proxy.login() as conn:
        assert backend(conn) == pid
        after = conn.ask(TRACES).rows
    # What PostgreSQL leaves of a name with a dot is its being there, empty.
    assert [row[:1] + row[2:] for row in after] == \
        [row[:1] + row[2:] for row in clean]
    assert after[0][1] in (None, "")


def test_a_waiting_session_gets_the_server_when_it_is_reset(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), **SESSION)
    first = proxy.login()
    pid = backend(first)
    second = proxy.login()
    second.send(wire.query("select pg_backend_pid()"))
    wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
    first.send(wire.terminate())
    assert second.read_result().rows == [[pid]]
    second.close()
    first.close()


def test_a_session_left_in_a_transaction_costs_its_server(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), **SESSION)
    with proxy.login() as conn:
        pid = backend(conn)
        conn.ask("begin")
    with proxy.login() as conn:
        assert backend(conn) != pid


def test_another_reset_query_is_followed_by_a_reset_of_settings(
        pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), **SESSION,
                   server_reset_query="deallocate all")
    with proxy.login() as conn:
        pid = backend(conn)
        conn.ask("set work_mem = '7MB'")
        conn.ask("set my.own = 'secret'")
        conn.ask("prepare mine as select 1")
    with proxy.login() as conn:
        assert backend(conn) == pid
        assert conn.value("show work_mem") == "4MB"
        assert conn.value("select current_setting('my.own', true)") == ""
        conn.ask("prepare mine as select 1")


def test_without_a_reset_query_settings_are_reset_all_the_same(
        pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), **SESSION,
                   server_reset_query="")
    with proxy.login() as conn:
        pid = backend(conn)
        conn.ask("set work_mem = '7MB'")
    with proxy.login() as conn:
        assert backend(conn) == pid
        assert conn.value("show work_mem") == "4MB"


@pytest.mark.parametrize("query", ["select 1/0", "begin", "discard nothing"])
def test_a_reset_query_that_fails_costs_the_server(pgweir, cluster, query):
    proxy = pgweir(databases=only_primary(cluster), **SESSION,
                   server_reset_query=query)
    with proxy.login() as conn:
        pid = backend(conn)
    with proxy.login() as conn:
        assert backend(conn) != pid
        assert conn.value("select 1") == "1"
    proxy.wait_for_log("closing because: test query failed")


def test_startup_parameters_hold_for_each_session_alone(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), **SESSION)
    with proxy.login(options="-c work_mem=9MB", application_name="one") as conn:
        pid = backend(conn)
        assert conn.value("show work_mem") == "9MB"
    with proxy.login() as conn:
        assert backend(conn) == pid
        assert conn.value("show work_mem") == "4MB"
        assert conn.value("show application_name") != "one"
    with proxy.login(options="-c work_mem=9MB") as conn:
        assert backend(conn) == pid
        assert conn.value("show work_mem") == "9MB"


def test_server_reset_query_always_is_for_every_mode(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   server_reset_query_always=1)
    mark = cluster.mark()
    with proxy.login() as conn, proxy.login() as other:
        conn.ask("set work_mem = '7MB'")
        assert other.value("show work_mem") == "4MB"
        assert conn.value("show work_mem") == "7MB"
        conn.send(wire.parse("select 1", "s"), wire.sync())
        conn.read_result()
        for _ in range(2):
            conn.send(wire.bind(statement="s"), wire.execute(), wire.sync())
            assert conn.read_result().rows == [["1"]]
    assert cluster.logged_since(mark, "DISCARD ALL")


def test_a_reset_that_is_wanted_meanwhile_runs_behind_the_check(
        pgweir, cluster):
    """Of a server that was used before, and is idle."""
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   server_check_delay=0.3)
    with proxy.login() as conn:
        pid = backend(conn)
        mark = cluster.mark()
        proxy.console("set server_reset_query_always = 1")
        wait_until(lambda: cluster.logged_since(mark, "DISCARD ALL"), 5,
                   "it is reset")
        assert backend(conn) == pid


# -- the check

def test_an_idle_server_is_checked_without_a_client(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_check_delay=0.2,
                   server_check_query="select 'still there'")
    mark = cluster.mark()
    with proxy.login() as conn:
        pid = backend(conn)
        wait_until(lambda: cluster.logged_since(mark, "still there"), 5,
                   "it is checked")
        assert backend(conn) == pid


def test_a_server_is_checked_before_each_use_if_so_wished(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_check_delay=0,
                   server_check_query="select 'still there'",
                   default_pool_size=2)
    with proxy.login() as conn:
        pid = backend(conn)
        for _ in range(5):
            mark = cluster.mark()
            assert backend(conn) == pid
            assert cluster.logged_since(mark, "still there")


def test_a_server_that_fails_its_check_is_replaced(pgweir, cluster):
    """And a query that always fails costs connections, but no client."""
    proxy = pgweir(databases=only_primary(cluster), server_check_delay=0,
                   server_check_query="select 1/0")
    with proxy.login() as conn:
        pids = [backend(conn) for _ in range(4)]
    assert len(set(pids)) == 4
    proxy.wait_for_log("closing because: test query failed")


def test_a_server_that_does_not_answer_its_check_is_given_up(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_check_delay=0.1,
                   server_check_query="select pg_sleep(4)",
                   server_connect_timeout=0.5)
    with proxy.login() as conn:
        pid = backend(conn)
        proxy.wait_for_log("test query timeout")
        assert backend(conn) != pid


# -- connect_query

def test_each_new_server_runs_the_connect_query(pgweir, cluster):
    proxy = pgweir(databases=only_primary(
        cluster, "connect_query='select pg_advisory_lock_shared(815)'"),
        default_pool_size=2)
    clients = [proxy.login() for _ in range(2)]
    for conn in clients:
        conn.ask("begin")
    with cluster.primary.connect() as direct:
        assert direct.execute(
            "select count(*) from pg_locks where locktype = 'advisory'"
            " and objid = 815").fetchone() == (2,)
    for conn in clients:
        conn.close()


def test_a_connect_query_that_fails_is_said(pgweir, cluster):
    proxy = pgweir(databases=only_primary(
        cluster, "connect_query='select 1/0'"), server_unreachable_timeout=0.5)
    with pytest.raises(wire.WireError) as caught:
        proxy.login()
    assert "division by zero" in caught.value.message
