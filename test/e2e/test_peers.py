"""Several pgweirs behind one address: cancel requests find the right one."""
import contextlib
import socket
import time

import pytest

import wire
from forwarder import Forwarder
from procs import free_port, wait_until


def running(cluster):
    return [row for row in cluster.primary.backends("state = 'active'")
            if "pg_sleep" in row[3]]


def address(proxy):
    return proxy.host, proxy.port


def show(proxy, what):
    """Of this very process: by its own Unix socket."""
    with proxy.wire(unix=True) as conn:
        conn.login(user="admin", database="pgbouncer",
                   password="admin-secret")
        result = conn.ask(f"SHOW {what}")
    names = [name for name, _ in result.columns]
    return [dict(zip(names, row)) for row in result.rows]


def counts(proxy):
    return {row["name"]: int(row["value"]) for row in show(proxy, "CANCELS")}


def pool(proxy):
    return next((row for row in show(proxy, "POOLS")
                 if row["database"] == "app"), None)


def peer_pool(proxy, number):
    return next({key: int(value) for key, value in row.items()}
                for row in show(proxy, "PEER_POOLS")
                if row["peer_id"] == str(number))


def is_cancelled(conn):
    with pytest.raises(wire.WireError) as caught:
        conn.read_result()
    assert caught.value.sqlstate == "57014"
    return True


@pytest.fixture
def group(pgweir, cluster):
    """A function that starts COUNT processes that know each other."""
    def start(count=3, databases=None, more="", **settings):
        if databases is None:
            databases = {"app": f"host=127.0.0.1 port={cluster.primary.port}"
                                " dbname=app"}
        proxies = [pgweir(start=False, databases=databases, peer_id=i + 1,
                          **settings) for i in range(count)]
        for proxy in proxies:
            proxy.peers = {
                i + 1: f"host={other.dir} port={other.port} {more}"
                for i, other in enumerate(proxies)}
            proxy.start()
        return proxies
    return start


def sleeper(address_of, cluster, version=wire.PROTOCOL_3):
    """A client there that sleeps on a server."""
    before = len(running(cluster))
    conn = wire.Wire(address_of)
    conn.login(user="app", database="app", password="app-secret",
               version=version)
    conn.send(wire.query("select pg_sleep(60)"))
    wait_until(lambda: len(running(cluster)) == before + 1, 5, "it runs")
    return conn


@pytest.mark.parametrize("minor", [0, 2])
def test_a_balancer_that_always_picks_the_wrong_one(group, cluster, minor):
    proxies = group()
    with Forwarder(None) as balancer:
        for owner in proxies:
            for wrong in proxies:
                if wrong is owner:
                    continue
                balancer.target = lambda: address(owner)
                with sleeper((balancer.host, balancer.port), cluster,
                             wire.PROTOCOL_3 + minor) as conn:
                    balancer.target = lambda: address(wrong)
                    conn.cancel()
                    assert is_cancelled(conn)
                    assert conn.value("select 1") == "1"
    for proxy in proxies:
        seen = counts(proxy)
        assert (seen["sent"], seen["from_peers"], seen["forwarded"],
                seen["unknown"]) == (2, 2, 2, 0)


def test_only_the_one_meant_is_cancelled(group, cluster):
    proxies = group()
    sleepers = [sleeper(address(proxy), cluster) for proxy in proxies * 2]
    with wire.Wire(address(proxies[0])) as asker:
        asker.send(wire.request(wire.CANCEL_REQUEST, sleepers[4].key))
        asker.assert_closed()
    assert is_cancelled(sleepers[4])
    assert len(running(cluster)) == 5
    for conn in sleepers:
        with wire.Wire(address(proxies[1])) as asker:
            asker.send(wire.request(wire.CANCEL_REQUEST, conn.key))
            asker.assert_closed()
    wait_until(lambda: not running(cluster), 5, "all are cancelled")
    for conn in sleepers:
        conn.close()


def test_who_asks_the_wrong_one_waits_until_it_is_done(group, cluster):
    """At most pool_size of a peer at a time; others wait."""
    with Forwarder(("127.0.0.1", cluster.primary.port)) as slow:
        one, two = group(2, databases={
            "app": f"host=127.0.0.1 port={slow.port} dbname=app"},
            more="pool_size=1")
        with sleeper(address(one), cluster) as conn, \
                sleeper(address(one), cluster) as other:
            slow.let_cancels.clear()
            first, second = wire.Wire(address(two)), wire.Wire(address(two))
            first.send(wire.request(wire.CANCEL_REQUEST, conn.key))
            wait_until(lambda: pool(one)["cl_active_cancel_req"] == "1", 5,
                       "it is on its way")
            second.send(wire.request(wire.CANCEL_REQUEST, other.key))
            wait_until(lambda: peer_pool(two, 1)["cl_waiting_cancel_req"] == 1,
                       5, "the second waits")
            assert peer_pool(two, 1) == {
                "peer_id": 1, "cl_active_cancel_req": 1,
                "cl_waiting_cancel_req": 1, "sv_active_cancel": 1,
                "sv_login": 0}
            first.assert_silent()
            second.assert_silent()
            slow.let_cancels.set()
            first.assert_closed()
            second.assert_closed()
            assert is_cancelled(conn) and is_cancelled(other)
            first.close()
            second.close()


def test_a_client_in_the_queue_is_cancelled_by_way_of_a_peer(group, cluster):
    one, two = group(2, default_pool_size=1)
    with sleeper(address(one), cluster) as holder, one.login() as conn:
        conn.send(wire.query("select 1"))
        wait_until(lambda: pool(one)["cl_waiting"] == "1", 5, "it waits")
        with two.wire() as asker:
            asker.send(wire.request(wire.CANCEL_REQUEST, conn.key))
            asker.assert_closed()
        assert is_cancelled(conn)
        holder.cancel()
        assert is_cancelled(holder)
        assert conn.value("select 1") == "1"


def test_a_key_that_its_peer_does_not_know_is_counted_there(group):
    one, two = group(2)
    with one.login() as conn:
        key = bytes([conn.key[0] ^ 1]) + conn.key[1:]
        with two.wire() as asker:
            asker.send(wire.request(wire.CANCEL_REQUEST, key))
            asker.assert_closed()
    assert counts(one)["unknown"] == 1
    assert counts(two)["forwarded"] == 1


def test_a_request_does_not_go_round_in_circles(group):
    """Where [peers] leads to the wrong ones, it ends after some hops."""
    one, two, three = group(3)
    with three.login() as conn:
        key = conn.key
    for wrong, other in ((one, two), (two, one)):
        wrong.peers[3] = f"host={other.dir} port={other.port}"
        wrong.write_config()
        wrong.console("RELOAD")
    with one.wire() as asker:
        asker.send(wire.request(wire.CANCEL_REQUEST, key))
        asker.assert_closed()
    assert counts(one)["forwarded"] + counts(two)["forwarded"] == 3
    assert counts(one)["unknown"] + counts(two)["unknown"] == 1


def test_a_peer_that_is_down_costs_nothing_but_the_cancel(group):
    one, two = group(2)
    with one.login() as conn:
        key = conn.key
        one.stop()
        with two.wire() as asker:
            asker.send(wire.request(wire.CANCEL_REQUEST, key))
            asker.assert_closed()
    two.wait_for_log("cancel request failed")
    with two.login() as conn:
        assert conn.value("select 1") == "1"


def test_a_peer_that_says_nothing_is_given_up(group):
    one, two = group(2, cancel_wait_timeout=0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        two.peers[1] = f"host=127.0.0.1 port={silent.getsockname()[1]}"
        two.write_config()
        two.console("RELOAD")
        with one.login() as conn, two.wire() as asker:
            asker.send(wire.request(wire.CANCEL_REQUEST, conn.key))
            asker.assert_closed()
        wait_until(lambda: peer_pool(two, 1)["sv_active_cancel"] == 0, 5,
                   "its connection is closed")


def test_without_a_number_nothing_is_forwarded(group):
    one, two = group(2)
    with one.login() as conn:
        two.console("SET peer_id = 0")
        with two.wire() as asker:
            asker.send(wire.request(wire.CANCEL_REQUEST, conn.key))
            asker.assert_closed()
    assert counts(two)["unknown"] == 1
    assert counts(one)["requests"] == 0


def test_show_peers_has_pgbouncers_columns(group):
    one, two = group(2, more="pool_size=7")
    assert show(one, "PEERS") == [
        {"peer_id": "1", "host": one.dir, "port": str(one.port),
         "pool_size": "7"},
        {"peer_id": "2", "host": two.dir, "port": str(two.port),
         "pool_size": "7"}]
    assert [list(row) for row in show(one, "PEER_POOLS")] == 2 * [
        ["peer_id", "cl_active_cancel_req", "cl_waiting_cancel_req",
         "sv_active_cancel", "sv_login"]]


@pytest.mark.timeout(120)
def test_processes_that_share_a_port(group, cluster):
    """The kernel picks one for each connection."""
    port = free_port()
    proxies = group(3, so_reuseport=1, listen_port=port)
    for proxy in proxies:
        proxy.wait_for_log("process up")
    shared = ("127.0.0.1", port)
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(sleeper(shared, cluster))
                 for _ in range(12)]
        for conn in conns:
            conn.cancel()
            assert is_cancelled(conn)
        end = time.monotonic() + 20
        while sum(counts(proxy)["forwarded"] for proxy in proxies) == 0:
            assert time.monotonic() < end
            with sleeper(shared, cluster) as conn:
                conn.cancel()
                assert is_cancelled(conn)
    assert all(counts(proxy)["unknown"] == 0 for proxy in proxies)
