"""Many who mean no good, all at once: nobody else pays for it."""
import random
import struct
import threading
import time

import pytest

import wire
from chaos import Customer
from procs import free_port, wait_until
from test_chaos import stage, the_ledger_is_right

CANCELS = 3000


def only(cluster):
    return {"app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"}


def in_threads(*works):
    """Runs them side by side; raises what one of them has raised."""
    problems = []

    def run(work):
        try:
            work()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


# ---- cancel requests --------------------------------------------------------
class Flood:
    """Cancel requests for those who are there, were there, and never were."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.keys = {}
        self.left = CANCELS
        self.hits = 0

    def is_over(self):
        return self.left <= 0

    def bystander(self, number):
        """Nobody wants to cancel what it does."""
        mark = f"bystander {number}"
        while not self.is_over():
            with self.proxy.login(deadline=20) as conn:
                for _ in range(20):
                    assert conn.value(
                        f"select '{mark}' from pg_sleep(0.004)") == mark

    def target(self, number):
        while not self.is_over():
            with self.proxy.login(deadline=20) as conn:
                self.keys[number] = conn.key
                for _ in range(10):
                    try:
                        conn.ask("select pg_sleep(%.4f)" %
                                 (random.random() * 0.003))
                    except wire.WireError as problem:
                        assert problem.sqlstate == "57014", problem
                        self.hits += 1

    def sender(self, number):
        pick = random.Random(number)
        while not self.is_over():
            self.left -= 1
            key = pick.randbytes(8)
            if self.keys and pick.random() < 0.7:
                key = pick.choice(list(self.keys.values()))
                if pick.random() < 0.1:
                    key = key[:4] + pick.randbytes(4)
            with self.proxy.wire() as conn:
                conn.send(wire.request(wire.CANCEL_REQUEST, key))
                if pick.random() < 0.3:
                    conn.assert_closed()
            time.sleep(pick.random() * 0.003)


def test_a_flood_of_cancels_hits_nobody_else(pgweir, cluster):
    proxy = pgweir(databases=only(cluster), default_pool_size=1)
    flood = Flood(proxy)
    in_threads(*(lambda n=n: flood.bystander(n) for n in range(4)),
               *(lambda n=n: flood.target(n) for n in range(2)),
               *(lambda n=n: flood.sender(n) for n in range(3)))
    assert flood.hits > 0
    wait_until(lambda: not any(proxy.pool()[key] for key in (
        "cl_active_cancel_req", "cl_waiting_cancel_req", "sv_active_cancel",
        "sv_being_canceled")), 10, "all of them are over")


def test_cancels_for_peers_that_do_not_answer_end(pgweir, cluster):
    """One accepts and is silent, one is down, one goes round in circles."""
    port = free_port()
    with wire.socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = pgweir(databases=only(cluster), listen_port=port, peer_id=1,
                       cancel_wait_timeout=0.5, start=False)
        proxy.peers = {
            "2": f"host=127.0.0.1 port={silent.getsockname()[1]}",
            "3": f"host=127.0.0.1 port={free_port()}",
            "4": f"host=127.0.0.1 port={port}"}
        proxy.start()
        files, conns = proxy.open_files(), []
        for number in range(300):
            conns.append(proxy.wire())
            conns[-1].send(wire.request(wire.CANCEL_REQUEST, struct.pack(
                "!IHH", number + 1, 0, 2 + number % 3)))
        with proxy.login(deadline=2) as conn:
            assert conn.value("select 1") == "1"
        for conn in conns:
            conn.assert_closed()
            conn.close()
        # Of 300; a server and the monitor may have connected meanwhile.
        wait_until(lambda: proxy.open_files() <= files + 2, 10,
                   lambda: f"{proxy.open_files()} files, {files} at first")


# ---- who does not read ------------------------------------------------------
def test_results_that_nobody_reads_cost_little(pgweir, cluster):
    proxy = pgweir(databases=only(cluster), default_pool_size=30)
    with proxy.login() as conn:
        conn.ask("select 1")
        before = proxy.memory_bytes()
        idle = [proxy.login() for _ in range(20)]
        for other in idle:
            other.send(wire.query("select repeat('x', 1000)"
                                  " from generate_series(1, 30000)"))
        wait_until(lambda: len(cluster.primary.backends(
            "wait_event = 'ClientWrite'")) == 20, 20, "all are stuck")
        assert proxy.memory_bytes() - before < 20 * 1024 * 1024
        assert conn.value("select 2") == "2"
        assert len(idle[7].read_result().rows) == 30000
        for other in idle:
            other.close()


# ---- the end of it all ------------------------------------------------------
@pytest.mark.parametrize("how", ["", "WAIT_FOR_SERVERS", "WAIT_FOR_CLIENTS"])
def test_a_shutdown_loses_nothing_that_was_acknowledged(stage, cluster, how):
    """Whatever is going on, and it ends."""
    customers = [Customer(stage, n, 9) for n in range(1, 11)]
    started = time.monotonic()

    def is_over():
        return stage.proc.poll() is not None

    def shut_down():
        wait_until(lambda: sum(len(one.acknowledged) for one in customers) > 50
                   or time.monotonic() > started + 20, 25, "they are at work")
        with stage.login("pgbouncer", "admin") as console:
            console.send(wire.query(f"SHUTDOWN {how}"))
            stage.wait_exit(30)

    in_threads(shut_down, *(lambda one=one: one.run(is_over)
                            for one in customers))
    for one in customers:
        # Nobody listens any more.
        assert one.problem is None or isinstance(one.problem, OSError), \
            one.problem
    the_ledger_is_right(cluster, customers)


__all__ = ["stage"]
