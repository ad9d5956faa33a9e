"""Fifty tenants on three servers: not one answer is somebody else's."""
import pytest

import wire
from tenants import COUNT, run_tenants, tenants
from twoway import MULTIPLEXED
from wire import bind, execute, parse, query, sync

SERVERS = 3 if MULTIPLEXED else COUNT + 20


def place(cluster, nodes, servers):
    where = (cluster.host_list() if nodes == "all" else
             f"host={cluster.primary.host} port={cluster.primary.port}")
    return {"app": f"{where} dbname=app pool_size={servers}"}


@pytest.fixture
def roles(cluster):
    with tenants(cluster):
        cluster.catch_up()
        yield


@pytest.mark.timeout(180)
@pytest.mark.parametrize("nodes", ["primary", "all"])
def test_no_tenant_sees_what_is_another_s(pgweir, cluster, roles, nodes):
    proxy = pgweir(databases=place(cluster, nodes, SERVERS))
    rounds = 50 if nodes == "primary" else 25
    everybody = run_tenants(proxy, cluster, rounds, seed=1)
    assert sum(one.answers for one in everybody) > 400 * rounds
    assert all(one.errors == 0 for one in everybody)


@pytest.mark.timeout(180)
def test_a_tenant_whose_role_is_dropped_never_becomes_another(
        pgweir, cluster, roles):
    proxy = pgweir(databases=place(cluster, "primary", SERVERS))
    gone = range(0, COUNT, 6)
    everybody = run_tenants(proxy, cluster, rounds=20, dropped=gone, seed=2)
    assert sum(one.answers for one in everybody) > 10000
    for number in gone:
        assert everybody[number].errors > 0


@pytest.fixture
def doomed(cluster):
    with cluster.primary.connect() as conn:
        conn.execute("create role doomed; grant doomed to app")
        yield conn
        conn.execute("drop role if exists doomed")


@pytest.mark.parametrize("way_out", [
    "reset role", "set role none", "set role bob; reset role", "reset all",
    "discard all", "set session authorization default"])
def test_a_session_outlives_its_role(pgweir, cluster, doomed, way_out):
    """Also on a server that never had that role."""
    proxy = pgweir(databases=place(cluster, "primary", 1 if MULTIPLEXED
                                   else 5))
    doomed.execute("grant bob to app")
    with proxy.login() as conn, proxy.login() as other:
        conn.ask("set role doomed")
        doomed.execute("drop role doomed")
        other.ask("set my.tenant = 'x'; reset role")
        with pytest.raises(wire.WireError):
            conn.ask("select current_user")
        if way_out in ("reset all", "set session authorization default"):
            conn.ask(way_out)  # which is not about the role
            conn.ask("set role none")
        else:
            conn.ask(way_out)
        assert conn.value("select current_user") == "app"
        assert other.value("select current_user") == "app"
    doomed.execute("revoke bob from app")


@pytest.mark.parametrize("begin", [
    query("begin"), query("begin read only"),
    parse("begin") + bind() + execute() + sync(),
    parse("begin", "s") + bind((), "s") + execute() + sync(),
    query("begin; select 1")])
@pytest.mark.parametrize("nodes", ["primary", "all"])
def test_nothing_runs_of_a_transaction_that_a_lost_role_began(
        pgweir, cluster, doomed, begin, nodes):
    """All of it was sent before anything was answered."""
    proxy = pgweir(databases=place(cluster, nodes, 1))
    doomed.execute("grant bob to app; grant create on schema public to bob")
    with proxy.login() as conn, proxy.login() as other:
        conn.ask("set role doomed")
        doomed.execute("drop role doomed")
        other.ask("set my.tenant = 'x'; reset role")
        conn.send(begin, query("set role bob"),
                  query("create table outside (i int)"), sync(),
                  query("commit"))
        seen = [conn.read_until("Z") for _ in range(5)]
        # One that is READ ONLY has been held back, and fails with the next.
        failed = [got for got in seen if got[-1].payload == b"E"]
        assert [got[-1].payload for got in seen[1:]] == [b"E"] * 3 + [b"I"]
        assert [wire.fields_of(got[0].payload)["C"] for got in failed[:-1]] \
            == ["22023", "25P02", "25P02"][:len(failed) - 1]
        assert [got.type for got in seen[3]] == ["Z"]
        assert seen[4][0].payload == b"ROLLBACK\0"
        assert doomed.execute("select to_regclass('outside')").fetchone() == (
            None,)
        conn.ask("set role bob")
        assert conn.value("select current_user") == "bob"
        assert other.value("select current_user") == "app"
    doomed.execute("revoke bob from app; revoke create on schema public from"
                   " bob")
