"""Fifty tenants on three servers: not one answer is somebody else's."""
import pytest

import wire
from tenants import COUNT, run_tenants, tenants
from twoway import MULTIPLEXED

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
