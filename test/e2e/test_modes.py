"""When a server goes back to its pool: session, transaction, statement."""
import pytest

import wire
from procs import wait_until


def only_primary(cluster, more=""):
    return {"app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
                   f" {more}"}


# -- statement pooling

BLOCK = "transaction blocks not allowed in statement pooling mode"


def test_statements_share_a_server(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="statement")
    clients = [proxy.login() for _ in range(5)]
    pids = {conn.value("select pg_backend_pid()") for conn in clients}
    assert len(pids) == 1
    assert proxy.pool()["pool_mode"] == "statement"
    for conn in clients:
        conn.close()


@pytest.mark.parametrize("begin", [
    "begin", "start transaction read only", "select 1; begin",
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"])
@pytest.mark.parametrize("nodes", ["primary", "all"])
def test_a_transaction_block_ends_the_client_and_its_server(
        pgweir, cluster, begin, nodes):
    proxy = pgweir(databases=only_primary(cluster) if nodes == "primary"
                   else None, pool_mode="statement")
    with proxy.login() as other, proxy.login() as conn:
        assert other.value("select 1") == "1"
        with pytest.raises((wire.WireError, wire.Closed)) as caught:
            conn.ask(begin)
        if isinstance(caught.value, wire.WireError):
            assert BLOCK in caught.value.message
        conn.assert_closed()
        assert other.value("select 2") == "2"
        proxy.wait_for_log(BLOCK)
    wait_until(lambda: not cluster.primary.backends(
        "state like 'idle in transaction%'"), 5, "no transaction is open")


def test_a_block_in_the_extended_protocol_is_refused_too(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="statement")
    with proxy.login() as conn:
        conn.send(wire.parse("begin"), wire.bind(), wire.execute(),
                  wire.sync())
        frames = []
        with pytest.raises(wire.Closed):
            while True:
                frames.append(conn.read_frame())
        assert "E" in [frame.type for frame in frames]
        error = wire.fields_of(
            [frame for frame in frames if frame.type == "E"][-1].payload)
        assert BLOCK in error["M"] and error["S"] == "FATAL"


def test_what_needs_no_block_works(pgweir, cluster):
    proxy = pgweir(databases=only_primary(cluster), pool_mode="statement")
    with proxy.login() as conn:
        # An implicit transaction of several statements, and of a pipeline.
        assert conn.ask("select 1; select 2").tag == "SELECT 1"
        conn.ask("set search_path to app, public")
        assert conn.value("show search_path") == "app, public"
        with pytest.raises(wire.WireError):
            conn.ask("select 1/0")
        assert conn.value("select 1") == "1"


def test_statement_pooling_by_database_and_by_user(pgweir, cluster):
    entry = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    proxy = pgweir(databases={"app": entry,
                              "strict": f"{entry} pool_mode=statement"},
                   users={"alice": "pool_mode=statement"})
    with proxy.login() as conn:
        conn.ask("begin")
        conn.ask("commit")
    for login in ({"database": "strict"}, {"user": "alice"}):
        with proxy.login(**login) as conn:
            with pytest.raises((wire.WireError, wire.Closed)):
                conn.ask("begin")
            conn.assert_closed()
