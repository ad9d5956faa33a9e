"""Large results and copies, and clients that do not read: memory stays bounded
and nobody else waits."""
import pytest

import wire
from procs import wait_until

MEGABYTE = 1 << 20
ROWS = 25600  # of 8 KB: 200 MB
ROW = "repeat(md5(i::text), 256)"


def is_sanitized(proxy):
    """AddressSanitizer keeps freed memory: growth says nothing there."""
    with open(proxy.binary, "rb") as file:
        return b"__asan_init" in file.read()


class Memory:
    """Watches the proxy's memory from a settled state."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.meaningful = not (hasattr(proxy, "binary")
                               and is_sanitized(proxy))
        for _ in range(3):
            with proxy.login() as conn:
                conn.ask("select repeat('x', 300000)")
        self.before = self.peak = proxy.memory_bytes()

    def look(self):
        self.peak = max(self.peak, self.proxy.memory_bytes())

    def assert_grew_less_than(self, limit):
        self.look()
        if self.meaningful:
            grown = self.peak - self.before
            assert grown < limit, f"grew by {grown / MEGABYTE:.1f} MB"


@pytest.mark.fidelity
def test_a_result_of_200_mb_passes_in_2_mb(pgweir):
    proxy = pgweir()
    memory = Memory(proxy)
    with proxy.login(deadline=30) as conn:
        conn.send(wire.query(
            f"select {ROW} from generate_series(1, {ROWS}) i"))
        received, tail = 0, b""
        while True:
            data = conn.sock.recv(MEGABYTE)
            assert data
            received += len(data)
            tail = (tail + data)[-16:]
            if received % 7 == 0:
                memory.look()
            if tail.endswith(b"Z\0\0\0\5I"):
                break
        assert received > ROWS * 8192
        assert conn.value("select 'alive'") == "alive"
    memory.assert_grew_less_than(2 * MEGABYTE)


@pytest.mark.fidelity
def test_a_copy_of_200_mb_passes_in_2_mb(pgweir, cluster):
    with cluster.primary.connect() as conn:
        conn.execute("drop table if exists bulk")
        conn.execute("create unlogged table bulk (line text)")
        conn.execute("grant all on bulk to public")
    proxy = pgweir()
    memory = Memory(proxy)
    block = wire.copy_data((b"x" * 8191 + b"\n") * 4)
    with proxy.login(deadline=30) as conn:
        conn.send(wire.query("copy bulk from stdin"))
        conn.types_until("G")
        for i in range(ROWS // 4):
            conn.send(block)
            if i % 100 == 0:
                memory.look()
        conn.send(wire.copy_done())
        assert conn.read_result().tag == f"COPY {ROWS}"
    memory.assert_grew_less_than(2 * MEGABYTE)
    with cluster.primary.connect() as conn:
        conn.execute("drop table bulk")


@pytest.mark.fidelity
def test_a_message_of_40_mb_passes_in_2_mb(pgweir):
    """One message, far larger than any buffer: streamed, not assembled."""
    proxy = pgweir()
    memory = Memory(proxy)
    size = 40 * MEGABYTE
    with proxy.login(deadline=30) as conn:
        conn.send(wire.query("select length('" + "x" * size
                             + "') for update"))
        assert conn.read_result().rows == [[str(size)]]
        memory.look()
        assert len(conn.value(f"select repeat('y', {size})")) == size
    memory.assert_grew_less_than(2 * MEGABYTE)


@pytest.mark.fidelity
def test_clients_that_do_not_read_cost_nobody_else_anything(pgweir):
    proxy = pgweir(default_pool_size=12)
    memory = Memory(proxy)
    stalled = [proxy.login() for _ in range(8)]
    for conn in stalled:
        conn.send(wire.query(f"select {ROW} from generate_series(1, 20000) i"))
    with proxy.login() as other:
        for i in range(300):
            assert other.value(f"select {i}") == str(i)
            memory.look()
    memory.assert_grew_less_than(4 * MEGABYTE)
    first = stalled.pop(0)
    assert len(first.read_result().rows) == 20000
    for conn in [first, *stalled]:
        conn.close()


@pytest.mark.fidelity
def test_a_client_that_sends_and_never_reads_is_held_back(pgweir):
    """Queries without end whose answers nobody takes: the proxy must stop
    reading, not store."""
    proxy = pgweir()
    memory = Memory(proxy)
    with proxy.login() as conn:
        conn.sock.settimeout(1.0)
        flood = wire.query("select repeat('x', 2000)") * 1000
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400 * MEGABYTE:
                sent += conn.sock.send(flood)
        assert sent < 100 * MEGABYTE
        with proxy.login() as other:
            assert other.value("select 1") == "1"
    memory.assert_grew_less_than(4 * MEGABYTE)


def test_idle_clients_need_little_memory(pgweir):
    proxy = pgweir()
    memory = Memory(proxy)
    clients = [proxy.login() for _ in range(500)]
    for conn in clients:
        assert conn.value("select 1") == "1"
    memory.assert_grew_less_than(500 * 8192)
    for conn in clients:
        conn.close()
    wait_until(lambda: len(proxy.show("CLIENTS")) <= 2, 5, "all have gone")
