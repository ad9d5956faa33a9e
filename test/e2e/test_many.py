"""As many clients as a large site has, on few servers; and a restart of
PostgreSQL in the midst of it."""
import asyncio
import fcntl
import resource
import socket
import threading

import pytest

import wire
from crowd import Member, WrongAnswer
from procs import wait_until
from test_bulk import is_sanitized

IDLE = 10000
ACTIVE = 2000
SERVERS = 20
# A process has so many clients and a few files more.
NEEDED = IDLE + ACTIVE + 500

_hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
needs_files = pytest.mark.skipif(
    _hard != resource.RLIM_INFINITY and _hard < NEEDED,
    reason=f"needs {NEEDED} open files")


class Idle:
    """Clients that have logged in and say nothing; plain sockets, so that many
    cost little. Each has an address that others have not used up."""

    def __init__(self, proxy, count):
        self.proxy = proxy
        self.sockets = []
        packet = wire.startup({"user": "app", "database": "app"})
        for first in range(0, count, 100):
            some = [self._connect(i, packet)
                    for i in range(first, min(first + 100, count))]
            for each in some:
                self._greeting(each)
            self.sockets += some

    def _connect(self, i, packet):
        with socket.socket() as low:
            # The low numbers are for those who still use select().
            each = socket.socket(fileno=fcntl.fcntl(
                low, fcntl.F_DUPFD_CLOEXEC, 4096))
        each.settimeout(30)
        each.bind((f"127.0.{1 + i // 10000}.1", 0))
        each.connect((self.proxy.host, self.proxy.port))
        each.sendall(packet)
        return each

    @staticmethod
    def _greeting(each):
        got = b""
        while not got.endswith(b"Z\0\0\0\5I"):
            more = each.recv(8192)
            assert more and not got.startswith(b"E"), got
            got += more

    def ask_all(self, step=1):
        """Every STEPth asks something of its own; all answers are checked."""
        some = list(enumerate(self.sockets))[::step]
        for first in range(0, len(some), 500):
            part = some[first:first + 500]
            for i, each in part:
                each.sendall(wire.query(f"select 'idle-{i}'"))
            for i, each in part:
                got = b""
                while not got.endswith(b"Z\0\0\0\5I"):
                    more = each.recv(8192)
                    assert more, f"client {i} was disconnected: {got}"
                    got += more
                assert f"idle-{i}\0".encode() in got.replace(
                    b"C\0\0\0", b"\0"), got

    def close(self):
        for each in self.sockets:
            each.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def on_primary(cluster):
    primary = cluster.primary
    return {"app": f"host={primary.host} port={primary.port} dbname=app"}


def proxy_work_ms(proxy, command):
    """The processor's time that the program spends on a console command."""
    def now():
        with open(f"/proc/{proxy.pid}/schedstat", encoding="utf-8") as file:
            return int(file.read().split()[0]) / 1e6

    with proxy.login("pgbouncer", "admin") as conn:
        before = now()
        conn.ask(command)
        return now() - before


def many(pgweir, cluster, clients, **settings):
    return pgweir(databases=on_primary(cluster), default_pool_size=SERVERS,
                  max_client_conn=clients, listen_backlog=4096,
                  log_connections=0, log_disconnections=0, **settings)


@needs_files
@pytest.mark.timeout(180)
def test_ten_thousand_idle_and_two_thousand_active_on_twenty_servers(
        pgweir, cluster):
    proxy = many(pgweir, cluster, NEEDED, client_idle_timeout=3000)
    before = proxy.memory_bytes()
    with Idle(proxy, IDLE) as idle:
        each = (proxy.memory_bytes() - before) / IDLE
        assert each < 3000 or is_sanitized(proxy), \
            f"{each} bytes for an idle client"
        members = [Member(proxy, f"active-{i}") for i in range(ACTIVE)]

        async def work(member):
            await member.login()
            await member.read()
            await member.read_extended()
            await member.transaction()
            await member.close()

        async def everyone():
            await asyncio.gather(*map(work, members))

        asyncio.run(everyone())
        assert {member.answers for member in members} == {54}
        assert len(cluster.primary.backends("usename = 'app'")) <= SERVERS
        assert proxy.pool()["cl_waiting"] == 0
        idle.ask_all(step=5)
        # Begun in no order: each has its timeout anew, and nobody waits for it.
        idle.ask_all(step=3)
        for timeout in 5000, 6000, 4000:
            used = proxy_work_ms(proxy, f"set client_idle_timeout = {timeout}")
            assert used < 10 or is_sanitized(proxy), f"{used} ms for a timeout"
    wait_until(lambda: proxy.open_files() < 200, 20,
               lambda: f"{proxy.open_files()} open files")


class Worker(Member):
    """Asks again and again; comes back when it is cut off."""

    def __init__(self, proxy, token):
        super().__init__(proxy, token)
        self.failures = []
        self.rounds = 0

    async def work(self, is_over):
        """Until IS_OVER, and three times after it."""
        left = 3
        connected = False
        while left > 0:
            try:
                if not connected:
                    await self.login()
                    connected = True
                await self.read()
                await self.transaction()
                self.rounds += 1
                left -= is_over.is_set()
            except (wire.WireError, WrongAnswer, ConnectionError,
                    asyncio.IncompleteReadError) as problem:
                if isinstance(problem, WrongAnswer) and \
                        "was answered" in str(problem):
                    raise
                self.failures.append(problem)
                connected = False
                self.writer.close()
        await self.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_under_load_costs_only_what_was_on_its_way(
        pgweir, cluster, how):
    """Who waits is served afterwards, who was idle has noticed nothing, and
    nobody restarts pgweir."""
    proxy = many(pgweir, cluster, 2000, server_unreachable_timeout=60,
                 server_login_retry=0.5)
    primary = cluster.primary
    workers = [Worker(proxy, f"worker-{i}") for i in range(200)]

    is_over = threading.Event()
    problems = []

    async def everyone():
        await asyncio.gather(*(worker.work(is_over) for worker in workers))

    def run():
        try:
            asyncio.run(everyone())
        except BaseException as problem:
            problems.append(problem)

    with Idle(proxy, 1000) as idle:
        old = primary.ask("select pg_postmaster_start_time()::text")
        load = threading.Thread(target=run)
        load.start()
        wait_until(lambda: problems or min(
            worker.rounds for worker in workers) >= 2, 60, "all are at work")
        # Here, not there: who is started goes when the thread goes.
        (primary.stop_fast if how == "fast" else primary.stop)()
        primary.start()
        is_over.set()
        load.join()
        assert not problems, problems
        assert primary.ask("select pg_postmaster_start_time()::text") != old
        failures = [failure for worker in workers
                    for failure in worker.failures]
        # One that took a lost one's place may have been lost as well.
        assert len(failures) < 2 * SERVERS, failures
        idle.ask_all()
    assert all(worker.rounds >= 5 for worker in workers)
    assert len(primary.backends("usename = 'app'")) <= SERVERS
