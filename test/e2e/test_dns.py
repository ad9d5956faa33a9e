"""Names of servers: looked up again, several addresses in turn, failures
remembered, and what happens when a host moves."""
import os
import shutil
import time

import pytest

import wire
from nameserver import Forwarder, NameServer
from procs import private_dir, wait_until

NAME = "db.weir.test"


@pytest.fixture
def names():
    folder = private_dir("pw-dns-")
    os.chmod(folder, 0o755)
    try:
        with NameServer(folder, {NAME: ["127.0.0.1"]}) as server:
            yield server
    except PermissionError:
        pytest.skip("port 53 is not ours to have")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def named(pgweir, cluster, names):
    """Starts a pgweir whose database is at NAME."""
    def start(**settings):
        port = cluster.primary.port
        settings.setdefault("dns_max_ttl", "0.3")
        settings.setdefault("server_unreachable_timeout", "0.5")
        return pgweir(databases={
            "app": f"host={NAME} port={port} dbname=app",
            "list": f"host={NAME},127.0.0.1"
                    f" port={port},{cluster.replicas[0].port} dbname=app"},
            resolv_conf=names.resolv_conf, **settings)
    return start


def hosts(proxy):
    return {row["hostname"]: row for row in proxy.show("DNS_HOSTS")}


def addresses(proxy, database="app"):
    return sorted(row["addr"] for row in proxy.show("SERVERS")
                  if row["database"] == database)


def test_a_name_is_asked_of_the_name_server_and_shown(named):
    proxy = named(dns_max_ttl=30)
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"
        row = hosts(proxy)[NAME]
        assert row["addrs"] == "127.0.0.1"
        assert 0 < int(row["ttl"]) <= 30
        lists = dict(proxy.console("SHOW LISTS").rows)
        assert int(lists["dns_names"]) >= 1


def test_a_name_is_asked_again_after_dns_max_ttl(named, names):
    proxy = named(dns_max_ttl=0.3)
    proxy.login().close()
    before = names.count(NAME)
    wait_until(lambda: names.count(NAME) >= before + 3, 10, "it asks again")


def test_within_dns_max_ttl_a_name_is_not_asked_again(named, names):
    proxy = named(dns_max_ttl=600)
    for _ in range(5):
        with proxy.login() as conn:
            conn.ask("select 1")
        proxy.console("RECONNECT")
    assert names.count(NAME) == 1


def test_several_addresses_are_used_in_turn(named, names, cluster):
    names.names[NAME] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    port = cluster.primary.port
    target = ("127.0.0.1", port)
    with Forwarder("127.0.0.2", port, target), \
            Forwarder("127.0.0.3", port, target):
        proxy = named(default_pool_size=6)
        clients = [proxy.login() for _ in range(6)]
        for conn in clients:
            conn.ask("begin")
        assert addresses(proxy) == ["127.0.0.1", "127.0.0.1", "127.0.0.2",
                                    "127.0.0.2", "127.0.0.3", "127.0.0.3"]
        for conn in clients:
            conn.ask("commit")
            conn.close()
        proxy.stop()


def test_an_address_that_does_not_answer_is_passed_over(named, names):
    names.names[NAME] = ["127.0.0.2", "127.0.0.1"]
    proxy = named()
    with proxy.login() as one, proxy.login() as two:
        one.ask("begin")
        assert two.value("select 1") == "1"
        assert set(addresses(proxy)) == {"127.0.0.1"}


def test_a_host_that_moves_is_followed_though_nobody_connects(
        named, names, cluster):
    """Idle servers are replaced at once, the others when they are free;
    clients notice nothing."""
    port = cluster.primary.port
    with Forwarder("127.0.0.2", port, ("127.0.0.1", port)):
        proxy = named()
        with proxy.login() as busy, proxy.login() as idle:
            busy.ask("begin")
            idle.ask("select 1")
            assert set(addresses(proxy)) == {"127.0.0.1"}
            names.names[NAME] = ["127.0.0.2"]
            wait_until(lambda: len(addresses(proxy)) == 1, 10,
                       "the idle server goes")
            proxy.wait_for_log("host has other addresses now")
            row = next(row for row in proxy.show("SERVERS"))
            assert (row["state"], row["close_needed"]) == ("active", "1")
            assert idle.value("select 2") == "2"
            assert busy.value("select 3") == "3"
            busy.ask("commit")
            wait_until(lambda: addresses(proxy) == ["127.0.0.2"], 5,
                       lambda: f"all there: {addresses(proxy)}")
            assert busy.value("select 4") == "4"
        proxy.stop()


def test_the_monitor_follows_a_host_that_moves(named, names, cluster):
    port = cluster.primary.port
    with Forwarder("127.0.0.2", port, ("127.0.0.1", port)) as forwarder:
        proxy = named()
        with proxy.login("list") as conn:
            conn.ask("select 1 for update")
            names.names[NAME] = ["127.0.0.2"]
            wait_until(lambda: forwarder.accepted > 0, 10, "the monitor moves")
            wait_until(lambda: any(
                row["host"] == NAME and row["role"] == "primary"
                and row["health"] == "up" for row in proxy.show("NODES")), 10,
                "it knows what is there")
            assert conn.value("select 2 for update") == "2"
        proxy.stop()


def test_a_change_of_order_is_no_change(named, names, cluster):
    names.names[NAME] = ["127.0.0.1", "127.0.0.2"]
    port = cluster.primary.port
    with Forwarder("127.0.0.2", port, ("127.0.0.1", port)):
        proxy = named()
        with proxy.login() as conn:
            pid = conn.value("select pg_backend_pid() for update")
            names.names[NAME] = ["127.0.0.2", "127.0.0.1"]
            before = names.count(NAME)
            wait_until(lambda: names.count(NAME) >= before + 3, 10, "asked")
            assert conn.value("select pg_backend_pid() for update") == pid
        proxy.stop()


def test_a_failure_is_kept_for_dns_nxdomain_ttl(named, names):
    del names.names[NAME]
    proxy = named(dns_nxdomain_ttl=600, dns_max_ttl=0.2)
    for _ in range(3):
        with pytest.raises(wire.WireError) as caught:
            proxy.login()
        assert caught.value.sqlstate == "08001"
        assert NAME in caught.value.message
    assert names.count(NAME) == 1
    row = hosts(proxy)[NAME]
    assert row["addrs"] == "" and int(row["ttl"]) > 500
    proxy.wait_for_log("closing because: server DNS lookup failed (age=")


def test_a_name_that_appears_is_found(named, names):
    del names.names[NAME]
    proxy = named(dns_nxdomain_ttl=0.2)
    with pytest.raises(wire.WireError):
        proxy.login()
    names.names[NAME] = ["127.0.0.1"]

    def works():
        try:
            proxy.login().close()
            return True
        except wire.WireError:
            return False

    wait_until(works, 10, "it is found")


def test_a_name_server_that_is_silent_takes_nothing_away(named, names):
    """What was found last stays in use, and nobody waits for what does not
    come."""
    proxy = named(dns_nxdomain_ttl=0.2)
    with proxy.login() as conn:
        conn.ask("select 1")
        names.is_silent = True
        asked = names.unanswered
        wait_until(lambda: names.unanswered > asked, 20, "it asks")
        proxy.console("RECONNECT")
        started = time.monotonic()
        assert conn.value("select 2") == "2"
        assert time.monotonic() - started < 1.5


def test_times_of_names_can_be_set(named, names):
    proxy = named(dns_max_ttl=600)
    proxy.login().close()
    assert names.count(NAME) == 1
    proxy.console("SET dns_max_ttl = 5")
    assert next(row["value"] for row in proxy.show("CONFIG")
                if row["key"] == "dns_max_ttl") == "5"
