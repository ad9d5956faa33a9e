"""Pools: how many servers, for whom, how long, and what waiting clients get."""
import os
import signal
import socket
import threading
import time

import pytest

import wire
from cluster import WHO
from procs import free_port, process_state, wait_until


def apps(node, user="app"):
    return node.backends(f"usename = '{user}'")


def only_primary(cluster):
    return {"app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"}


def hold(proxy, count, **how):
    """COUNT clients inside a transaction each."""
    clients = [proxy.login(**how) for _ in range(count)]
    for conn in clients:
        conn.send(wire.query("begin"))
    return clients


def test_servers_are_shared_by_transactions(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    clients = [proxy.login() for _ in range(50)]
    for conn in clients:
        assert conn.value("select 1") == "1"
    assert len(apps(cluster.primary)) == 1
    for conn in clients:
        conn.close()


def test_the_pool_size_bounds_the_servers(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=3)
    clients = hold(proxy, 10)
    wait_until(lambda: proxy.pool()["cl_waiting"] == 7, 5, "seven wait")
    assert len(apps(cluster.primary)) == 3
    for conn in clients:
        conn.close()


def test_the_pool_size_holds_for_each_node(pgweir, cluster):
    proxy = pgweir(default_pool_size=2)
    wait_until(lambda: "replica" in _who(proxy), 5, "replicas are used")
    clients = [proxy.login() for _ in range(12)]
    for conn in clients:
        conn.send(wire.query("select pg_sleep(0.2)"))
    for conn in clients:
        conn.read_result()
    for node in cluster.nodes:
        assert len(apps(node)) <= 2
    assert all(len(apps(node)) == 2 for node in cluster.replicas)
    for conn in clients:
        conn.close()


def _who(proxy):
    with proxy.login() as conn:
        return conn.value(f"select {WHO}")


def test_each_user_has_a_pool_of_its_own(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=2)
    clients = hold(proxy, 3) + hold(proxy, 3, user="alice")
    wait_until(lambda: len(apps(cluster.primary)) == 2
               and len(apps(cluster.primary, "alice")) == 2, 5,
               "two servers for each")
    for conn in clients:
        conn.close()


def test_a_database_may_have_its_own_pool_size(pgweir, cluster):
    proxy = pgweir(default_pool_size=5, databases={
        "app": f"host=127.0.0.1 port={cluster.primary.port} pool_size=1"})
    clients = hold(proxy, 3)
    wait_until(lambda: proxy.pool()["cl_waiting"] == 2, 5, "two wait")
    assert len(apps(cluster.primary)) == 1
    for conn in clients:
        conn.close()


def test_waiting_clients_are_served_in_order(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1)
    first = hold(proxy, 1)[0]
    first.read_result()
    waiting = []
    for i in range(5):
        conn = proxy.login()
        conn.send(wire.query("select clock_timestamp()::text, pg_sleep(0.01)"
                             " for update"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == i + 1, 5, "it waits")
        waiting.append(conn)
    first.ask("commit")
    times = [conn.read_result().rows[0][0] for conn in waiting]
    assert times == sorted(times)
    for conn in [first, *waiting]:
        conn.close()


def test_a_client_that_waited_too_long_is_told(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1,
                   query_wait_timeout=0.3)
    holder = hold(proxy, 1)[0]
    holder.read_result()
    with proxy.login() as late:
        late.send(wire.query("select 1"))
        frames = [late.read_frame()]
        error = wire.fields_of(frames[0].payload)
        assert frames[0].type == "E"
        assert error["S"] == "FATAL"
        assert "query_wait_timeout" in error["M"]
        late.assert_closed()
    assert holder.value("select 1") == "1"
    holder.close()


def test_a_client_that_leaves_while_waiting_is_forgotten(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=1)
    holder = hold(proxy, 1)[0]
    holder.read_result()
    with proxy.login() as late:
        late.send(wire.query("select 1"))
        wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
    wait_until(lambda: proxy.pool()["cl_waiting"] == 0, 5, "it is gone")
    holder.ask("commit")
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"
    holder.close()


def test_session_mode_keeps_one_server_per_client(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="session",
                   default_pool_size=2)
    with proxy.login() as one, proxy.login() as two:
        ask = "select pg_backend_pid()"
        pids = {one.value(ask) for _ in range(3)}
        others = {two.value(ask) for _ in range(3)}
        assert len(pids) == len(others) == 1 and pids != others
        with proxy.wire() as three:
            three.send(wire.startup({"user": "app", "database": "app"}))
            three.send(wire.query(ask))
            wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5,
                       "the third waits")
            one.close()
            rows = []
            while not rows:
                rows = [f for f in three.read_until("Z") if f.type == "D"]
            assert {wire.row_of(rows[0].payload)[0]} == pids


def test_session_mode_by_database(pgweir, cluster):
    host = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    proxy = pgweir(databases={"app": f"{host} pool_mode=session",
                              "tx": host})
    with proxy.login() as one, proxy.login("tx") as two:
        one.ask("select 1")
        two.ask("select 1")
        assert proxy.pool()["pool_mode"] == "session"
        assert proxy.pool()["sv_active"] == 1
        assert proxy.pool("tx")["pool_mode"] == "transaction"
        assert proxy.pool("tx")["sv_active"] == 0


def test_an_idle_server_is_closed_after_server_idle_timeout(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_idle_timeout=0.3)
    with proxy.login() as conn:
        conn.ask("select 1")
        assert len(apps(cluster.primary)) == 1
        wait_until(lambda: not apps(cluster.primary), 5, "it was closed")
        assert conn.value("select 1") == "1"


def test_a_server_in_use_is_not_closed_by_server_idle_timeout(
        pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_idle_timeout=0.2)
    with proxy.login() as conn:
        pid = conn.value("begin; select pg_backend_pid()")
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            assert conn.value("select pg_backend_pid()") == pid


def test_an_old_server_is_replaced_after_server_lifetime(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), server_lifetime=0.4)
    with proxy.login() as conn:
        pid = conn.value("select pg_backend_pid()")
        wait_until(lambda: conn.value("select pg_backend_pid()") != pid, 5,
                   "another server answers")


def test_an_idle_server_that_ends_costs_no_client_anything(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    with proxy.login() as conn:
        for _ in range(5):
            pid = conn.value("select pg_backend_pid()")
            cluster.primary.ask(f"select pg_terminate_backend({pid})")
            wait_until(lambda: not cluster.primary.backends(f"pid = {pid}"),
                       5, "it ended")
            assert conn.value("select 'alive'") == "alive"


@pytest.mark.parametrize("first", ["servers", "clients"])
def test_idle_servers_that_end_as_clients_write_cost_nothing(
        pgweir, cluster, first):
    proxy = pgweir(databases=only_primary(cluster), default_pool_size=4)
    clients = hold(proxy, 4)
    for conn in clients:
        conn.read_result()
    for conn in clients:
        conn.ask("commit")
    wait_until(lambda: proxy.pool()["sv_idle"] == 4, 5, "four are idle")

    def end_servers():
        for pid, *_ in apps(cluster.primary):
            cluster.primary.ask(f"select pg_terminate_backend({pid})")
        wait_until(lambda: not apps(cluster.primary), 5, "no server is left")

    os.kill(proxy.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: process_state(proxy.pid) == "T", 5, "it stands")
        if first == "servers":
            end_servers()
        for conn in clients:
            conn.send(wire.query("notify something"))
        if first == "clients":
            end_servers()
    finally:
        os.kill(proxy.pid, signal.SIGCONT)
    for conn in clients:
        conn.read_result()
        conn.close()


def test_a_server_that_ends_under_a_client_is_said_to_it(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster))
    with proxy.login() as conn, proxy.login() as other:
        pid = conn.value("begin; select pg_backend_pid()")
        cluster.primary.ask(f"select pg_terminate_backend({pid})")
        with pytest.raises((wire.WireError, wire.Closed, OSError)) as caught:
            conn.ask("select 1")
        if isinstance(caught.value, wire.WireError):
            assert caught.value.sqlstate in ("57P01", "08006", "08P01")
        assert other.value("select 'alive'") == "alive"


def test_a_database_that_is_down_is_said_after_the_time_set(pgweir):
    """08001 with the reason, after server_unreachable_timeout, not sooner."""
    proxy = pgweir(server_unreachable_timeout=0.5, databases={
        "app": f"host=127.0.0.1 port={free_port()} dbname=app"})
    started = time.monotonic()
    with pytest.raises(wire.WireError) as caught:
        proxy.login().ask("select 1")
    assert 0.4 < time.monotonic() - started < 5
    assert caught.value.severity == "FATAL"
    assert caught.value.sqlstate == "08001"
    assert "refused" in str(caught.value.fields)


def test_a_short_outage_is_only_a_wait(own_cluster, pgweir):
    proxy = pgweir(cluster=own_cluster, databases=only_primary(own_cluster),
                   server_unreachable_timeout=20)
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"
        own_cluster.primary.stop_fast()
        conn.send(wire.query("select 'after'"))
        own_cluster.primary.start()
        assert conn.read_result().rows == [["after"]]


def test_after_an_outage_new_clients_are_served(own_cluster, pgweir):
    proxy = pgweir(cluster=own_cluster, databases=only_primary(own_cluster),
                   server_unreachable_timeout=0.3)
    own_cluster.primary.stop_fast()
    with pytest.raises(wire.WireError):
        proxy.login().ask("select 1")
    own_cluster.primary.start()

    def served():
        try:
            with proxy.login() as conn:
                return conn.value("select 1") == "1"
        except (wire.WireError, wire.Closed):
            return False

    wait_until(served, 10, "clients are served again")


def test_names_are_looked_up(pgweir, cluster):
    proxy = pgweir(databases={
        "app": f"host=localhost port={cluster.primary.port}"})
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_a_unix_socket_serves_as_host(pgweir, cluster):
    proxy = pgweir(databases={
        "app": f"host={cluster.base} port={cluster.primary.port}"})
    with proxy.login() as conn:
        assert conn.value("select inet_server_port() is null") == "t"


def test_a_name_that_does_not_exist_is_said(pgweir):
    proxy = pgweir(server_unreachable_timeout=0.5, databases={
        "app": "host=no-such-host.invalid port=5432"})
    with pytest.raises(wire.WireError) as caught:
        proxy.login().ask("select 1")
    assert caught.value.sqlstate == "08001"


def test_a_host_that_never_answers_is_given_up(pgweir):
    """It accepts and says nothing: server_connect_timeout ends that."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        proxy = pgweir(server_connect_timeout=0.3,
                       server_unreachable_timeout=1, databases={
                           "app": "host=127.0.0.1"
                           f" port={silent.getsockname()[1]}"})
        with pytest.raises(wire.WireError) as caught:
            proxy.login().ask("select 1")
        assert caught.value.sqlstate == "08001"


def test_a_server_that_talks_nonsense_harms_only_its_clients(
        pgweir, cluster):
    with socket.socket() as liar:
        liar.bind(("127.0.0.1", 0))
        liar.listen()

        def lie():
            while True:
                try:
                    conn, _ = liar.accept()
                except OSError:
                    return
                with conn:
                    conn.recv(1000)
                    conn.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        threading.Thread(target=lie, daemon=True).start()
        proxy = pgweir(server_unreachable_timeout=0.5, databases={
            **only_primary(cluster),
            "liar": f"host=127.0.0.1 port={liar.getsockname()[1]}"})
        with pytest.raises((wire.WireError, wire.Closed)):
            proxy.login("liar").ask("select 1")
        with proxy.login() as conn:
            assert conn.value("select 1") == "1"
        liar.shutdown(socket.SHUT_RDWR)
