"""Cancel requests: whom they reach, whom they must not, and what is told."""
import os
import struct
import threading

import psycopg
import pytest

import wire
from cluster import WHO
from forwarder import Forwarder
from procs import wait_until


def only_primary(cluster, more=""):
    return {"app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
                   f" {more}"}


def running(cluster):
    return [row for row in cluster.primary.backends("state = 'active'")
            if "pg_sleep" in row[3]]


def cancelled(conn):
    with pytest.raises(wire.WireError) as caught:
        conn.read_result()
    assert caught.value.severity == "ERROR"
    assert caught.value.sqlstate == "57014"
    assert caught.value.message == "canceling statement due to user request"


def ask_cancel(proxy, key):
    """A CancelRequest's connection, still open."""
    conn = proxy.wire()
    conn.send(wire.request(wire.CANCEL_REQUEST, key))
    return conn


# ---- a running statement ----------------------------------------------------
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_running_statement_is_cancelled(pgweir, cluster, mode):
    proxy = pgweir(databases=only_primary(cluster), pool_mode=mode)
    with proxy.login() as conn:
        conn.send(wire.query("select pg_sleep(60)"))
        wait_until(lambda: running(cluster), 5, "it runs")
        conn.cancel()
        cancelled(conn)
        assert conn.value("select 1") == "1"
        assert not running(cluster)


def test_a_statement_on_a_replica_is_cancelled(pgweir, cluster):
    proxy = pgweir()
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    with proxy.login() as conn:
        conn.send(wire.query(
            "select count(*) from generate_series(1, 1000000000)"))
        wait_until(lambda: any(
            "generate_series" in row[3] for node in cluster.replicas
            for row in node.backends("state = 'active'")), 5, "it runs")
        conn.cancel()
        cancelled(conn)
        assert conn.value("select 1") == "1"


def _who(proxy):
    with proxy.login() as conn:
        return conn.value(f"select {WHO}")


def test_only_the_one_meant_is_cancelled(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    conns = [proxy.login() for _ in range(5)]
    for conn in conns:
        conn.send(wire.query("select pg_sleep(1.5)"))
    wait_until(lambda: len(running(cluster)) == 5, 5, "they run")
    conns[2].cancel()
    cancelled(conns[2])
    for conn in conns[:2] + conns[3:]:
        assert conn.read_result().rows
    for conn in conns:
        conn.close()


def test_who_does_nothing_is_not_cancelled(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1)
    with proxy.login() as idle, proxy.login() as busy:
        assert idle.value("select 1") == "1"
        busy.send(wire.query("select pg_sleep(0.5)"))
        wait_until(lambda: running(cluster), 5, "it runs")
        idle.cancel()
        assert busy.read_result().rows
        idle.ask("begin")
        idle.cancel()
        assert idle.value("select 'open'") == "open"
        idle.ask("commit")


def test_a_late_cancel_does_not_hit_the_next_client(pgweir, cluster):
    """Its server is not handed on before the cancel has arrived."""
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(default_pool_size=1, databases={
            "app": f"host=127.0.0.1 port={slow.port} dbname=app"})
        with proxy.login() as late, proxy.login() as other:
            late.send(wire.query("select pg_sleep(0.5)"))
            wait_until(lambda: running(cluster), 5, "it runs")
            slow.let_cancels.clear()
            asker = ask_cancel(proxy, late.key)
            assert late.read_result().rows  # in time
            other.send(wire.query("select pg_sleep(0.3), 'mine'"))
            wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
            assert proxy.pool()["sv_being_canceled"] == 1
            asker.assert_silent()
            slow.let_cancels.set()
            asker.assert_closed()
            assert other.read_result().rows == [["", "mine"]]
            asker.close()


def test_a_cancel_that_may_still_come_costs_its_server(pgweir, cluster):
    """Given up on its way, it could hit whoever comes next."""
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(default_pool_size=1, cancel_wait_timeout=0.3,
                       databases={"app": f"host=127.0.0.1 port={slow.port}"
                                         " dbname=app"})
        with proxy.login() as late, proxy.login() as other:
            late.send(wire.query("select pg_sleep(0.8), pg_backend_pid()"))
            wait_until(lambda: running(cluster), 5, "it runs")
            slow.let_cancels.clear()
            asker = ask_cancel(proxy, late.key)
            asker.assert_closed()
            asker.close()
            pid = late.read_result().rows[0][1]
            other.send(wire.query("select pg_sleep(0.8), pg_backend_pid()"))
            wait_until(lambda: running(cluster), 5, "the next one runs")
            slow.let_cancels.set()
            assert other.read_result().rows[0][1] != pid


def test_a_cancel_does_not_hit_the_settings_that_go_first(pgweir, cluster):
    """Else the request behind them ran, and under those of another client."""
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(default_pool_size=1, databases={
            "app": f"host=127.0.0.1 port={slow.port} dbname=app"})
        with proxy.login(options="-c work_mem=5MB") as before, \
                proxy.login(options="-c work_mem=6MB") as conn:
            assert before.value("show work_mem") == "5MB"
            slow.let_bytes.clear()
            conn.send(wire.query(
                "select current_setting('work_mem') from pg_sleep(30)"))
            wait_until(slow.waits.is_set, 5, "settings and request are sent")
            asker = ask_cancel(proxy, conn.key)
            wait_until(lambda: proxy.pool()["cl_waiting_cancel_req"] == 1, 5,
                       lambda: f"it waits: {proxy.pool()}")
            assert slow.cancels == 0
            slow.let_bytes.set()
            cancelled(conn)
            asker.assert_closed()
            asker.close()
            assert conn.value("show work_mem") == "6MB"
        assert "it runs without" not in proxy.log()


def test_a_statement_that_is_held_up_by_settings_times_out(pgweir, cluster):
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(default_pool_size=1, query_timeout=0.3, databases={
            "app": f"host=127.0.0.1 port={slow.port} dbname=app"})
        with proxy.login(options="-c work_mem=5MB") as before, \
                proxy.login(options="-c work_mem=6MB") as conn:
            assert before.value("show work_mem") == "5MB"
            slow.let_bytes.clear()
            conn.send(wire.query("select pg_sleep(30)"))
            wait_until(slow.waits.is_set, 5, "settings and request are sent")
            proxy.wait_for_log("query timeout: cancelling the statement")
            slow.let_bytes.set()
            with pytest.raises(wire.WireError) as caught:
                conn.read_result()
            assert caught.value.message == "query timeout"
            assert conn.value("show work_mem") == "6MB"


def test_a_late_cancel_does_not_hit_the_clients_own_next_statement(
        pgweir, cluster):
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(default_pool_size=1, databases={
            "app": f"host=127.0.0.1 port={slow.port} dbname=app"})
        with proxy.login() as conn:
            conn.ask("begin")
            conn.send(wire.query("select pg_sleep(0.5)"))
            wait_until(lambda: running(cluster), 5, "it runs")
            slow.let_cancels.clear()
            asker = ask_cancel(proxy, conn.key)
            assert conn.read_result().rows
            conn.send(wire.query("select pg_sleep(0.3), 'mine'"))
            wait_until(lambda: slow.cancels == 1, 5, "the cancel is there")
            slow.let_cancels.set()
            asker.assert_closed()
            assert conn.read_result().rows == [["", "mine"]]
            asker.close()


def test_many_cancels_of_clients_that_share_servers_hit_their_own(
        pgweir, cluster):
    """Each client is cancelled now and then; what fails must be a statement of
    one that was asked for."""
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=2)
    victims = [proxy.login() for _ in range(3)]
    others = [proxy.login() for _ in range(4)]
    failures = []

    def innocent(conn):
        for i in range(60):
            try:
                assert conn.value(f"select {i}, pg_sleep(0.005)") == str(i)
            except (wire.WireError, AssertionError) as error:
                failures.append(error)

    threads = [threading.Thread(target=innocent, args=(conn,))
               for conn in others]
    for thread in threads:
        thread.start()
    hits = 0
    for _ in range(30):
        for conn in victims:
            conn.send(wire.query("select pg_sleep(0.01)"))
        for conn in victims:
            conn.cancel()
        for conn in victims:
            try:
                conn.read_result()
            except wire.WireError as error:
                assert error.sqlstate == "57014"
                hits += 1
    for thread in threads:
        thread.join()
    assert not failures
    assert hits > 0
    for conn in victims + others:
        conn.close()


def test_who_asks_waits_until_it_is_done(pgweir, cluster):
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(databases={
            "app": f"host=127.0.0.1 port={slow.port} dbname=app"})
        with proxy.login() as conn:
            conn.send(wire.query("select pg_sleep(60)"))
            wait_until(lambda: running(cluster), 5, "it runs")
            slow.let_cancels.clear()
            first = ask_cancel(proxy, conn.key)
            wait_until(lambda: proxy.pool()["cl_active_cancel_req"] == 1, 5,
                       "it is on its way")
            second = ask_cancel(proxy, conn.key)
            wait_until(lambda: proxy.pool()["cl_waiting_cancel_req"] == 1, 5,
                       "another waits")
            pool = proxy.pool()
            assert pool["sv_active_cancel"] == 1
            assert pool["cl_active"] == 1
            states = {row["state"] for row in proxy.show("CLIENTS")
                      if row["database"] == "app"}
            assert states == {"active", "active_cancel_req",
                              "waiting_cancel_req"}
            first.assert_silent()
            slow.let_cancels.set()
            first.assert_closed()
            second.assert_closed()
            cancelled(conn)
            wait_until(lambda: proxy.pool()["sv_active_cancel"] == 0, 5,
                       "it is over")
            first.close()
            second.close()


def test_a_cancel_that_does_not_arrive_is_given_up(pgweir, cluster):
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        proxy = pgweir(cancel_wait_timeout=0.4, default_pool_size=1,
                       databases={"app": f"host=127.0.0.1 port={slow.port}"
                                         " dbname=app"})
        with proxy.login() as conn, proxy.login() as other:
            conn.send(wire.query("select pg_sleep(0.8)"))
            wait_until(lambda: running(cluster), 5, "it runs")
            slow.let_cancels.clear()
            with ask_cancel(proxy, conn.key) as asker:
                asker.assert_closed()
            assert conn.read_result().rows
            assert other.value("select 'served'") == "served"


# ---- a client that waits ----------------------------------------------------
@pytest.fixture
def busy(pgweir, cluster):
    """A pgweir whose only server is held by a client."""
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1)
    with proxy.login() as holder:
        holder.ask("begin")
        yield proxy, holder


def waits(proxy, count=1):
    wait_until(lambda: proxy.pool()["cl_waiting"] == count, 5, "it waits")


def test_a_client_in_the_queue_is_cancelled_and_stays(busy):
    proxy, holder = busy
    with proxy.login() as conn:
        conn.send(wire.query("select 1"))
        waits(proxy)
        conn.cancel()
        cancelled(conn)
        assert proxy.pool()["cl_waiting"] == 0
        conn.send(wire.query("select 'later'"))
        waits(proxy)
        holder.ask("commit")
        assert conn.read_result().rows == [["later"]]


def test_an_extended_request_in_the_queue_is_cancelled(busy):
    proxy, holder = busy
    with proxy.login() as conn:
        conn.send(wire.parse("select 1", "s"), wire.bind(statement="s"),
                  wire.execute(), wire.sync(), wire.query("select 'next'"))
        waits(proxy)
        conn.cancel()
        cancelled(conn)
        holder.ask("commit")
        assert conn.read_result().rows == [["next"]]


def test_a_request_cut_by_flush_is_cancelled_in_the_queue(busy):
    """As asyncpg prepares."""
    proxy, holder = busy
    with proxy.login() as conn:
        conn.send(wire.parse("select 1", "s"), wire.describe("S", "s"),
                  wire.flush())
        waits(proxy)
        conn.cancel()
        got = conn.read_frame()
        assert got.type == "E"
        assert wire.fields_of(got.payload)["C"] == "57014"
        conn.send(wire.bind(statement="s"), wire.execute(), wire.sync())
        assert conn.read_frame().type == "Z"
        holder.ask("commit")
        assert conn.value("select 'next'") == "next"
        with pytest.raises(wire.WireError) as caught:
            conn.send(wire.bind(statement="s"), wire.execute(), wire.sync())
            conn.read_result()
        assert caught.value.sqlstate == "26000"  # it was not prepared


def test_a_long_query_is_cancelled_in_the_queue(busy):
    proxy, holder = busy
    with proxy.login() as conn:
        text = wire.query("select 1 --" + "x" * 500000)
        conn.send(text[:100000])
        waits(proxy)
        conn.cancel()
        cancelled(conn)
        conn.send(text[100000:])
        holder.ask("commit")
        assert conn.value("select 'next'") == "next"


def test_a_read_only_transaction_fails_in_the_queue(pgweir, cluster):
    """Its BEGIN was answered before any server had seen it."""
    proxy = pgweir(default_pool_size=1)
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    with proxy.login() as conn:
        holders = []
        for _ in range(3):
            holder = proxy.login()
            holder.send(wire.query(
                "select count(*) from generate_series(1, 1000000000)"))
            holders.append(holder)
        wait_until(lambda: proxy.pool()["cl_waiting"] > 0, 10,
                   "the replicas are busy")
        conn.ask("begin read only")
        conn.send(wire.query("select 1"))
        waiting = proxy.pool()["cl_waiting"]
        wait_until(lambda: proxy.pool()["cl_waiting"] >= max(waiting, 2)
                   or proxy.pool()["cl_waiting"] == 2, 5, "it waits, too")
        conn.cancel()
        frames = conn.read_until("Z")
        assert [f.type for f in frames] == ["E", "Z"]
        assert frames[1].payload == b"E"
        with pytest.raises(wire.WireError) as caught:
            conn.ask("select 1")
        assert caught.value.sqlstate == "25P02"
        assert conn.ask("rollback").tag == "ROLLBACK"
        for holder in holders:
            holder.cancel()
            holder.close()
        wait_until(lambda: conn.value("select 1") == "1", 5, "it is well")


def test_psycopg_cancels_and_goes_on(busy):
    proxy, holder = busy
    with proxy.connect(autocommit=False) as conn:
        def cancel():
            wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 20, "it waits")
            conn.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("select 1")
        canceller.join()
        conn.rollback()  # of what no server has seen: none is needed
        holder.ask("commit")
        assert conn.execute("select 2").fetchone() == (2,)


# ---- keys -------------------------------------------------------------------
def counts(proxy):
    return {row["name"]: int(row["value"]) for row in proxy.show("CANCELS")}


def test_wrong_keys_are_counted_and_ignored(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    with proxy.login() as conn:
        conn.send(wire.query("select pg_sleep(1)"))
        wait_until(lambda: running(cluster), 5, "it runs")
        before = counts(proxy)
        wrong = [bytes([conn.key[0], conn.key[1] ^ 1]) + conn.key[2:],
                 conn.key[:7] + bytes([conn.key[7] ^ 1]),
                 conn.key + bytes(2), conn.key + bytes(16), bytes(8),
                 os.urandom(256)]
        for key in wrong:
            with ask_cancel(proxy, key) as asker:
                asker.assert_closed()
        assert conn.read_result().rows
        after = counts(proxy)
        assert after["unknown"] - before["unknown"] == len(wrong)
        assert after["sent"] == before["sent"]


def test_protocol_3_2_has_longer_keys(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    with proxy.wire() as conn:
        conn.login(version=wire.PROTOCOL_3 + 2, user="app", database="app")
        assert conn.negotiated is None
        assert len(conn.key) == 24
        conn.send(wire.query("select pg_sleep(60)"))
        wait_until(lambda: running(cluster), 5, "it runs")
        for key in (conn.key[:8], conn.key[:23],
                    conn.key[:23] + bytes([conn.key[23] ^ 1])):
            with ask_cancel(proxy, key) as asker:
                asker.assert_closed()
        assert counts(proxy)["unknown"] == 3
        conn.cancel()
        cancelled(conn)


def test_keys_have_a_positive_number_and_differ(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    keys = set()
    for _ in range(50):
        with proxy.login() as conn:
            number, = struct.unpack_from("!i", conn.key)
            assert number > 0
            keys.add(conn.key)
    assert len(keys) == 50


def test_a_key_ends_with_its_client(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    with proxy.login() as conn:
        key = conn.key
    wait_until(lambda: proxy.pool() is None or
               proxy.pool()["cl_active"] == 0, 5, "it is gone")
    with ask_cancel(proxy, key) as asker:
        asker.assert_closed()
    assert counts(proxy)["unknown"] == 1


def test_a_flood_of_cancels_harms_nobody(pgweir, cluster):
    """Nor does one that says nothing."""
    proxy = pgweir(databases=only_primary(cluster), max_client_conn=20)
    with proxy.login() as conn:
        conn.send(wire.query("select pg_sleep(60)"))
        wait_until(lambda: running(cluster), 5, "it runs")
        askers = [ask_cancel(proxy, conn.key) for _ in range(200)]
        cancelled(conn)
        for asker in askers:
            asker.assert_closed()
            asker.close()
        assert conn.value("select 1") == "1"
