"""pgbench in each of its protocols: eight clients on two servers per node, beside
a neighbour that has its own statements under pgbench's names. That the accounts
add up is asked from PostgreSQL itself."""
import re

import pytest

from cluster import program
from neighbour import neighbours
from procs import run
from test_programs import NEIGHBOURS, POOL_SIZE

CLIENTS = 8
TRANSACTIONS = 40
# As pgbench names what it prepares, by command.
NAMES = [f"P_{command}" for command in range(7)]

BALANCES = """select (select sum(abalance) from pgbench_accounts),
  (select sum(bbalance) from pgbench_branches),
  (select sum(tbalance) from pgbench_tellers),
  coalesce((select sum(delta) from pgbench_history), 0),
  (select count(*) from pgbench_history)"""


@pytest.fixture(scope="module")
def tables(stage, cluster):
    stage.reset()
    run([program("pgbench"), "-i", "-q", "-s", "1", "-h",
         cluster.primary.host, "-p", str(cluster.primary.port), "-U", "app",
         "app"])
    cluster.catch_up()


@pytest.fixture
def balances(cluster, tables):
    def ask():
        with cluster.primary.connect(user="app") as conn:
            return conn.execute(BALANCES).fetchone()

    return ask


@pytest.fixture
def proxy(start_proxy):
    started = start_proxy(default_pool_size=POOL_SIZE, query_wait_timeout=3)
    yield started
    started.end()


def bench(proxy, mode, script, threads):
    """With one thread, a pgbench that prepares waits for the answer and for
    nothing else, with the transactions of its other clients open: whoever would
    let it wait for a server then would wait for ever."""
    return run([program("pgbench"), "-n", "-M", mode, "-b", script,
                "-c", str(CLIENTS), "-j", str(threads), "-t", str(TRANSACTIONS),
                "-h", proxy.host, "-p", str(proxy.port), "-U", "app", "app"],
               check=False)


def assert_all_done(done):
    total = CLIENTS * TRANSACTIONS
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"actually processed: {total}/{total}" in done.stdout
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    assert failed is None or failed[1] == "0"


def changed(before, after):
    return [new - old for old, new in zip(before, after)]


@pytest.mark.parametrize("threads", [1, CLIENTS])
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script",
                         ["tpcb-like", "simple-update", "select-only"])
def test_pgbench_runs_clean_and_the_accounts_add_up(
        proxy, balances, mode, script, threads):
    before = balances()
    with neighbours(proxy, NEIGHBOURS, NAMES) as problems:
        done = bench(proxy, mode, script, threads)
    assert problems == []
    assert_all_done(done)
    accounts, branches, tellers, deltas, count = changed(before, balances())
    assert accounts == deltas
    assert count == (0 if script == "select-only" else CLIENTS * TRANSACTIONS)
    if script == "tpcb-like":
        assert branches == tellers == deltas
    else:
        assert branches == tellers == 0
