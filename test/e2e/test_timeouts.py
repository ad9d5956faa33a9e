"""What a client, a statement, a transaction and a server are given time for."""
import contextlib
import time

import pytest

import wire
from cluster import WHO
from procs import wait_until


def only_primary(cluster, more=""):
    return {"app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
                   f" {more}"}


def told(conn):
    """The FATAL that a connection ends with, and that it does end."""
    frames = []
    with contextlib.suppress(wire.Closed, ConnectionResetError):
        while True:
            frames.append(conn.read_frame())
    errors = [wire.fields_of(f.payload) for f in frames if f.type == "E"]
    assert errors, frames
    assert errors[-1]["S"] == "FATAL"
    return errors[-1]["C"], errors[-1]["M"]


def sleeping(cluster):
    return cluster.primary.backends("state = 'active' and"
                                    " query like '%pg_sleep%'")


# ---- clients ----------------------------------------------------------------
def test_a_client_that_does_not_log_in_is_closed(pgweir):
    proxy = pgweir(client_login_timeout=0.3, tcp_defer_accept=0)
    with proxy.wire() as conn:
        assert told(conn)[1] == "client_login_timeout"
    with proxy.wire() as conn:
        conn.send(wire.startup({"user": "app", "database": "app"})[:7])
        assert told(conn)[1] == "client_login_timeout"


def test_an_idle_client_is_closed(pgweir):
    proxy = pgweir(client_idle_timeout=0.3)
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"
        assert told(conn) == ("57P05", "client_idle_timeout")
    proxy.wait_for_log("closing because: client_idle_timeout (age=")


def test_a_client_that_asks_now_and_then_is_not_idle(pgweir):
    proxy = pgweir(client_idle_timeout=0.6)
    with proxy.login() as conn:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert conn.value("select pg_sleep(0.01)") == ""


def test_an_idle_client_of_session_pooling_is_closed(pgweir, cluster):
    proxy = pgweir(pool_mode="session", client_idle_timeout=0.3)
    with proxy.login() as conn:
        conn.ask("select 1")
        assert told(conn) == ("57P05", "client_idle_timeout")


def test_a_console_client_may_be_idle(pgweir):
    proxy = pgweir(client_idle_timeout=0.1, client_login_timeout=0.3)
    with proxy.login("pgbouncer", "admin") as console, proxy.login() as conn:
        assert told(conn)[1] == "client_idle_timeout"
        assert console.ask("SHOW VERSION").rows


def test_a_new_value_counts_at_once(pgweir):
    proxy = pgweir()
    with proxy.login() as conn:
        conn.ask("begin")
        proxy.console("SET idle_transaction_timeout = 0.2")
        assert told(conn)[0] == "25P03"
    with proxy.login() as conn:
        proxy.write_config(client_idle_timeout=0.2)
        proxy.console("RELOAD")
        assert told(conn)[0] == "57P05"


# ---- transactions -----------------------------------------------------------
def test_a_client_idle_in_a_transaction_is_closed(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   idle_transaction_timeout=0.4)
    with proxy.login() as conn, proxy.login() as other:
        conn.ask("begin")
        other.send(wire.query("select 'mine'"))
        assert told(conn) == ("25P03", "idle transaction timeout")
        assert other.read_result().rows == [["mine"]]
        assert other.value("select 'alive'") == "alive"


def test_a_busy_transaction_is_not_idle(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster),
                   idle_transaction_timeout=0.3)
    with proxy.login() as conn:
        conn.ask("begin")
        conn.ask("select pg_sleep(1)")
        assert conn.ask("commit").tag == "COMMIT"


def test_a_begin_read_only_is_a_transaction(pgweir, cluster):
    """Though no server has seen it yet."""
    proxy = pgweir(idle_transaction_timeout=0.3)
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    with proxy.login() as conn:
        conn.ask("begin read only")
        assert told(conn)[0] == "25P03"


def _who(proxy):
    with proxy.login() as conn:
        return conn.value(f"select {WHO}")


def test_a_client_that_stops_in_a_message_gives_its_server_back(
        pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   idle_transaction_timeout=0.4)
    with proxy.login() as conn, proxy.login() as other:
        conn.send(wire.query("select 1" + " " * 1000000)[:200000])
        assert told(conn)[0] == "25P03"
        assert other.value("select 'alive'") == "alive"


def test_a_long_transaction_is_ended(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), transaction_timeout=0.5)
    with proxy.login() as conn, proxy.login() as other:
        conn.ask("begin")
        for _ in range(3):
            conn.ask("select pg_sleep(0.05)")
        conn.send(wire.query("select pg_sleep(60)"))
        assert told(conn) == ("25P04", "transaction timeout")
        wait_until(lambda: not sleeping(cluster), 5, "it was cancelled")
        for _ in range(20):
            other.ask("select pg_sleep(0.05)")


# ---- statements -------------------------------------------------------------
@pytest.mark.parametrize("how", ["simple", "extended", "prepared"])
def test_a_long_statement_is_cancelled_and_the_session_lives(
        pgweir, cluster, how):
    proxy = pgweir(databases=only_primary(cluster), query_timeout=0.3)
    with proxy.login() as conn:
        pid = conn.value("select pg_backend_pid()")
        if how == "simple":
            conn.send(wire.query("select pg_sleep(60)"))
        else:
            name = "s" if how == "prepared" else ""
            conn.send(wire.parse("select pg_sleep(60)", name),
                      wire.bind(statement=name), wire.execute(), wire.sync())
        with pytest.raises(wire.WireError) as caught:
            conn.read_result()
        assert caught.value.severity == "ERROR"
        assert caught.value.sqlstate == "57014"
        assert caught.value.message == "query timeout"
        assert conn.value("select pg_backend_pid()") == pid
        assert not sleeping(cluster)


def test_a_long_statement_fails_its_transaction_only(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), query_timeout=0.4)
    with proxy.login() as conn:
        conn.ask("begin")
        for _ in range(8):
            conn.ask("select pg_sleep(0.1)")  # each alone is short enough
        with pytest.raises(wire.WireError) as caught:
            conn.ask("select pg_sleep(60)")
        assert caught.value.message == "query timeout"
        with pytest.raises(wire.WireError) as caught:
            conn.ask("select 1")
        assert caught.value.sqlstate == "25P02"
        assert conn.ask("rollback").tag == "ROLLBACK"
        assert conn.value("select 1") == "1"


def test_a_long_statement_on_a_replica_is_cancelled_there(pgweir, cluster):
    proxy = pgweir(query_timeout=0.5)
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    with proxy.login() as conn:
        with pytest.raises(wire.WireError) as caught:
            conn.ask("select count(*) from generate_series(1, 1000000000)")
        assert caught.value.message == "query timeout"
        assert conn.value("select 1") == "1"


def test_waiting_is_not_running(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   query_timeout=0.3)
    with proxy.login() as holder, proxy.login() as late:
        holder.ask("begin")
        late.send(wire.query("select 'served'"))
        wait_until(lambda: (proxy.pool() or {})["maxwait_us"] > 400000, 5,
                   "it has waited for longer than that")
        holder.ask("commit")
        assert late.read_result().rows == [["served"]]


def test_the_next_client_is_not_hit_by_the_cancel(pgweir, cluster):
    """Statements that end at the very moment of their timeout."""
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   query_timeout=0.1)
    with proxy.login() as late, proxy.login() as other:
        for _ in range(25):
            late.send(wire.query("select pg_sleep(0.1)"))
            other.send(wire.query("select 'mine'"))
            try:
                late.read_result()
            except wire.WireError as error:
                assert error.message == "query timeout"
            assert other.read_result().rows == [["mine"]]


def test_both_connections_close_where_that_is_wanted(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), query_timeout=0.3,
                   query_timeout_action="close")
    with proxy.login() as conn:
        conn.send(wire.query("select pg_sleep(60)"))
        assert told(conn) == ("57014", "query timeout")
    wait_until(lambda: not sleeping(cluster), 5, "it was cancelled as well")


def test_a_statement_that_does_not_let_itself_be_cancelled(pgweir, cluster):
    """A COPY that waits for its client looks for no cancel."""
    proxy = pgweir(databases=only_primary(cluster), query_timeout=0.3)
    with proxy.login() as conn:
        conn.ask("create temporary table t (x int)")
        conn.send(wire.query("copy t from stdin"))
        assert told(conn) == ("57014", "query timeout")


def test_a_user_may_have_other_timeouts(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), query_timeout=0.3,
                   users={"alice": "query_timeout=0"})
    with proxy.login() as conn, proxy.login(user="alice") as alice:
        alice.send(wire.query("select pg_sleep(0.6)"))
        with pytest.raises(wire.WireError):
            conn.ask("select pg_sleep(60)")
        assert alice.read_result().rows


# ---- waiting ----------------------------------------------------------------
def test_who_waits_is_told_so_by_a_notice(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   query_wait_notify=0.2)
    with proxy.login() as holder, proxy.login() as late:
        holder.ask("begin")
        late.send(wire.query("select 'served'"))
        notice = late.read_frame()
        assert notice.type == "N"
        assert wire.fields_of(notice.payload)["M"] == (
            "No server connection available in postgres backend, client being"
            " queued")
        holder.ask("commit")
        assert late.read_result().notices == []


def test_each_user_waits_for_as_long_as_it_may(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster, "user=app"),
                   default_pool_size=1, query_wait_timeout=60,
                   users={"alice": "query_wait_timeout=0.3"})
    with proxy.login() as holder, proxy.login() as patient, \
            proxy.login(user="alice") as alice:
        holder.ask("begin")
        patient.send(wire.query("select 'served'"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        alice.send(wire.query("select 1"))
        assert told(alice) == ("08001", "query_wait_timeout")
        holder.ask("commit")
        assert patient.read_result().rows == [["served"]]


def test_a_database_may_have_its_own_time_to_wait(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster, "query_wait_timeout=0.3"),
                   default_pool_size=1, query_wait_timeout=60)
    with proxy.login() as holder, proxy.login() as late:
        holder.ask("begin")
        late.send(wire.query("select 1"))
        assert told(late) == ("08001", "query_wait_timeout")


@pytest.mark.parametrize("limit", ["query_wait_timeout",
                                   "client_login_timeout"])
def test_a_login_that_waits_for_a_server_does_not_wait_for_ever(
        pgweir, cluster, limit):
    """The first with settings of its own needs one to be greeted."""
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   **{limit: 0.4})
    with proxy.login() as holder, proxy.wire() as conn:
        holder.ask("begin")
        conn.send(wire.startup({"user": "app", "database": "app",
                                "work_mem": "7MB"}))
        assert told(conn)[1] == limit
        assert holder.value("select 'alive'") == "alive"


# ---- servers ----------------------------------------------------------------
def test_server_lifetime_0_uses_each_connection_once(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_lifetime=0)
    with proxy.login() as conn:
        pids = [conn.value("select pg_backend_pid()") for _ in range(5)]
        assert len(set(pids)) == 5
        conn.ask("begin")
        assert len({conn.value("select pg_backend_pid()")
                    for _ in range(5)}) == 1
        conn.ask("commit")


def test_a_server_never_idle_is_replaced_too(pgweir, cluster):
    """It is old when it is given back, not only when it lies idle."""
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   server_lifetime=0.3)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(proxy.login()) for _ in range(3)]
        pids = set()

        def has_changed():
            for conn in clients:
                conn.send(wire.query("select pg_backend_pid()"))
            pids.update(conn.read_result().rows[0][0] for conn in clients)
            return len(pids) > 2
        wait_until(has_changed, 5, "a third server answers")


def test_after_an_outage_attempts_begin_soon(own_cluster, pgweir):
    """However long the pause may become."""
    proxy = pgweir(cluster=own_cluster, databases=only_primary(own_cluster),
                   server_login_retry=15, server_unreachable_timeout=30)
    with proxy.login() as conn:
        conn.ask("select 1")
        own_cluster.primary.stop_fast()
        conn.send(wire.query("select 'after'"))
        proxy.wait_for_log("connect failed")
        started = time.monotonic()
        own_cluster.primary.start()
        assert conn.read_result().rows == [["after"]]
        assert time.monotonic() - started < 10


def test_a_promotion_is_waited_for(own_cluster, pgweir):
    proxy = pgweir(cluster=own_cluster, server_unreachable_timeout=0.2,
                   failover_wait=60)
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    with proxy.login() as conn:
        conn.ask("create table t (x int)")
        own_cluster.catch_up()
        own_cluster.primary.stop()
        conn.send(wire.query("insert into t values (1)"))
        wait_until(lambda: (proxy.pool() or {})["maxwait_us"] > 600000
                   or proxy.pool()["maxwait"] > 0, 10, "it waits for long")
        own_cluster.replicas[0].promote()
        assert conn.read_result().tag == "INSERT 0 1"


def test_a_promotion_that_does_not_come_is_not_waited_for_for_ever(
        own_cluster, pgweir):
    proxy = pgweir(cluster=own_cluster, server_unreachable_timeout=0.2,
                   failover_wait=0.8)
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    with proxy.login() as conn, proxy.login() as reader:
        conn.ask("select 1 for update")
        own_cluster.primary.stop()
        started = time.monotonic()
        conn.send(wire.query("select 1 for update"))
        assert told(conn)[0] == "08001"
        assert time.monotonic() - started > 0.6
        wait_until(lambda: "replica" in reader.value(f"select {WHO}"), 5,
                   "reads go on")
