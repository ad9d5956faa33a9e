"""Very many clients on few servers, and clients that vanish: every answer
reaches the one who asked, and no server is left dirty or leaked."""
import resource

import pytest

from crowd import run_crowd
from procs import wait_until

# Two sockets per client, here and in the proxy.
resource.setrlimit(resource.RLIMIT_NOFILE, (
    resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def total(members):
    return sum(member.answers for member in members)


def assert_servers_clean(cluster, proxy, limit):
    """No node has more than LIMIT connections, none is in a transaction."""
    for node in cluster.nodes:
        wait_until(lambda: not node.backends("state <> 'idle'"), 10,
                   lambda: f"all idle on {node.name}: {node.backends()}")
        app = node.backends("usename <> 'monitor'")
        assert len(app) <= limit, app
    pool = proxy.pool()
    assert pool["cl_waiting"] == 0
    assert pool["sv_active"] == 0


@pytest.mark.timeout(120)
def test_a_thousand_clients_share_ten_servers(pgweir, cluster):
    proxy = pgweir(default_pool_size=10)
    members = run_crowd(proxy, 1000, rounds=4)
    assert total(members) > 4000
    assert all(member.answers for member in members if member.nodes)
    assert_servers_clean(cluster, proxy, 10)


def test_a_hundred_clients_share_a_single_server(pgweir, cluster):
    proxy = pgweir(default_pool_size=1, databases={
        "app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"})
    members = run_crowd(proxy, 100, rounds=6)
    assert total(members) > 500
    assert len(cluster.primary.backends("usename = 'app'")) == 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_clients_that_vanish_leave_clean_servers(pgweir, cluster, seed):
    proxy = pgweir(default_pool_size=8)
    members = run_crowd(proxy, 300, rounds=8, mortal_share=0.6, seed=seed,
                        users=("app", "alice"))
    assert total(members) > 1000
    assert_servers_clean(cluster, proxy, 16)
    # Whoever comes now finds nothing of those who went.
    for _ in range(20):
        with proxy.login() as conn:
            assert conn.value("show work_mem") == "4MB"
            assert conn.ask("select 1").rows == [["1"]]
    wait_until(lambda: len(proxy.show("CLIENTS")) <= 1, 5,
               "only the console is left")


def test_the_proxy_returns_its_descriptors(pgweir):
    proxy = pgweir(default_pool_size=5)
    run_crowd(proxy, 50, rounds=2)
    before = proxy.open_files()
    run_crowd(proxy, 300, rounds=3, mortal_share=0.5, seed=5)
    wait_until(lambda: proxy.open_files() <= before + 5, 10,
               lambda: f"{proxy.open_files()} files, before {before}")
