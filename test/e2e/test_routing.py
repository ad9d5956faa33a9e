"""Reads go to replicas, everything else to the primary, and nobody can tell
but from the nodes' own logs."""
import itertools

import psycopg
import pytest

import wire
from cluster import WHO as NODE
from procs import wait_until

_numbers = itertools.count()


def token():
    return f"token-{next(_numbers)}-"


def who(conn):
    """The node that answers a plain read."""
    return conn.value(f"select {NODE}")


def wait_for_replicas(proxy, names=("replica1", "replica2"), deadline=10):
    """Until the monitor has found these and only these fit for reads."""
    def found():
        with proxy.login() as conn:
            return {who(conn) for _ in range(8)} == set(names)

    wait_until(found, deadline, f"reads are answered by {names}")


@pytest.fixture(scope="module")
def routed(proxy):
    wait_for_replicas(proxy)
    return proxy


@pytest.fixture(scope="module", autouse=True)
def table(cluster):
    with cluster.primary.connect() as conn:
        conn.execute("drop table if exists thing; create table thing"
                     " (id serial primary key, note text)")
        conn.execute("insert into thing (note) select 'n' || i"
                     " from generate_series(1, 100) i")
        conn.execute("grant all on thing, thing_id_seq to public")
        conn.execute("create or replace function sneaky(text) returns int"
                     " language sql volatile as"
                     " 'insert into thing (note) values ($1) returning id'")
    cluster.catch_up()


def logged_on(cluster, proxy, sql, marker, **how):
    """Runs SQL once and asks the logs which nodes saw it."""
    mark = cluster.mark()
    with proxy.login(**how) as conn:
        conn.ask(sql)
    return set(cluster.logged_since(mark, marker))


READS = [
    "select '{}'", "select count(*), '{}' from thing",
    "with x as (select id from thing) select max(id), '{}' from x",
    "select '{}' from thing where id in (1, 2, 3) order by note limit 1",
    "values ('{}')", "select '{}' union all select note from thing",
    "select '{}', random(), clock_timestamp() > now()",
    "  /* a comment */ select '{}' -- and another",
]
WRITES = [
    "insert into thing (note) values ('{}')",
    "update thing set note = note where note = '{}'",
    "delete from thing where note = '{}'",
    "select '{}' from thing limit 1 for update",
    "select '{}' from thing limit 1 for share",
    "with d as (delete from thing where note = '{}' returning 1)"
    " select * from d",
    "select nextval('thing_id_seq'), '{}'",
    "begin; select '{}'; commit", "begin read write; select '{}'; commit",
    "begin isolation level serializable read only; select '{}'; commit",
    "create temp table if not exists tt as select '{}' as x",
    "select '{}' into temp table into_it",
    "explain analyze insert into thing (note) values ('{}')",
    "do $$ begin perform '{}'; end $$",
    "select pg_notify('channel', '{}')",
    "select pg_advisory_xact_lock(1), '{}'",
    "select txid_current(), '{}'",
    "select set_config('my.x', '{}', true)",
    "select '{}'; insert into thing (note) values ('second')",
    "set application_name = '{}'",
    "begin; truncate thing; select '{}'; rollback",
    "select '{}', pg_backend_pid(), lo_creat(-1)",
    "begin; lock table thing; select '{}'; commit",
]


@pytest.mark.parametrize("sql", READS)
def test_a_certain_read_goes_to_a_replica(routed, cluster, sql):
    marker = token()
    nodes = logged_on(cluster, routed, sql.format(marker), marker)
    assert nodes and nodes <= {"replica1", "replica2"}
    assert len(nodes) == 1


@pytest.mark.parametrize("sql", WRITES)
def test_whatever_is_not_certain_goes_to_the_primary_alone(
        routed, cluster, sql):
    marker = token()
    assert logged_on(cluster, routed, sql.format(marker), marker) == {
        "primary"}


def test_reads_are_shared_evenly(routed):
    with routed.login() as conn:
        seen = [who(conn) for _ in range(100)]
    assert 40 <= seen.count("replica1") <= 60
    assert 40 <= seen.count("replica2") <= 60


def test_reads_by_extended_protocol_go_to_replicas(routed, cluster):
    marker = token()
    mark = cluster.mark()
    with routed.connect() as conn:
        assert conn.execute("select %s::text || id from thing where id = %s",
                            (marker, 1)).fetchone() is not None
    nodes = cluster.logged_since(mark, marker)
    assert len(nodes) == 1 and nodes[0].startswith("replica")


def test_a_read_only_transaction_stays_on_one_replica(routed):
    # psycopg prepares what it runs often, and that still pins to the primary.
    with routed.connect(prepare_threshold=None) as conn:
        for _ in range(6):
            conn.execute("begin read only")
            seen = {conn.execute(f"select {NODE}").fetchone()[0]
                    for _ in range(5)}
            conn.execute("commit")
            assert len(seen) == 1
            assert seen.pop().startswith("replica")


def test_a_transaction_stays_on_the_primary(routed):
    with routed.connect(autocommit=False) as conn:
        seen = {conn.execute(f"select {NODE}").fetchone()[0]
                for _ in range(10)}
        conn.commit()
    assert seen == {"primary"}


def test_a_read_only_transaction_answers_begin_at_once(routed):
    """BEGIN READ ONLY is held back; its answer is not."""
    with routed.login() as conn:
        for begin in ("begin read only", "start transaction read only",
                      "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ,"
                      " READ ONLY"):
            result = conn.ask(begin)
            assert result.tag in ("BEGIN", "START TRANSACTION")
            assert conn.value("show transaction_read_only") == "on"
            assert conn.ask("commit").tag == "COMMIT"
        conn.ask("begin read only")
        assert conn.ask("commit").tag == "COMMIT"
        conn.ask("begin read only")
        assert conn.ask("rollback").tag == "ROLLBACK"


def test_a_write_in_a_read_only_transaction_fails_as_postgresql_says(routed):
    with routed.login() as conn:
        conn.ask("begin read only")
        conn.ask("select 1")
        with pytest.raises(wire.WireError) as caught:
            conn.ask("insert into thing (note) values ('x')")
        assert caught.value.sqlstate == "25006"
        assert conn.ask("rollback").tag == "ROLLBACK"


def test_a_write_hidden_in_a_function_is_never_an_error(routed, cluster):
    marker = token()
    with routed.login() as conn:
        for i in range(4):
            assert int(conn.value(f"select sneaky('{marker}{i}')")) > 0
    assert cluster.primary.ask(
        "select count(*) from thing where note like %s",
        (marker + "%",)) == 4


def test_a_hidden_write_by_extended_protocol_is_never_an_error(routed):
    with routed.connect() as conn:
        for _ in range(4):
            assert conn.execute("select sneaky(%s)",
                                ("x",)).fetchone()[0] > 0


def test_a_hidden_write_starting_a_read_only_transaction_is_refused_once(
        routed):
    """PostgreSQL refuses it on any node: replaying must not loop or hide."""
    with routed.login() as conn:
        conn.ask("begin read only")
        with pytest.raises(wire.WireError) as caught:
            conn.ask("select sneaky('x')")
        assert caught.value.sqlstate == "25006"
        assert conn.ask("rollback").tag == "ROLLBACK"
        assert conn.value("select 'alive'") == "alive"


def test_errors_of_reads_arrive_once_and_unchanged(routed):
    with routed.login() as conn:
        for _ in range(4):
            with pytest.raises(wire.WireError) as caught:
                conn.ask("select 1/0 from thing limit 1")
            assert caught.value.sqlstate == "22012"


def test_a_table_that_does_not_exist_is_an_error_once(routed):
    with routed.login() as conn:
        with pytest.raises(wire.WireError) as caught:
            conn.ask("select * from no_such_table")
        assert caught.value.sqlstate == "42P01"
        assert conn.value("select 'alive'") == "alive"


def test_a_database_with_one_host_is_served_by_it(routed):
    with routed.login("primary") as conn:
        assert {who(conn) for _ in range(5)} == {"primary"}


def test_without_splitting_a_host_list_means_what_it_does_in_pgbouncer(
        pgweir):
    proxy = pgweir(read_write_split=0, default_pool_size=6)
    with proxy.login() as conn:
        for _ in range(6):
            who(conn)
            assert conn.params.get("in_hot_standby", "off") == "off"


# ---- nodes that come and go -------------------------------------------------
@pytest.mark.parametrize("end", ["stop", "stop_fast", "crash"])
def test_a_replica_that_ends_is_not_noticed_by_clients(
        pgweir, cluster, end):
    proxy = pgweir()
    wait_for_replicas(proxy)
    victim = cluster.replicas[1]
    with proxy.login() as conn:
        for i in range(40):
            assert who(conn)
            if i == 10:
                getattr(victim, end)()
        assert "replica2" not in {who(conn) for _ in range(6)}
        assert conn.ask("insert into thing (note) values ('x')").tag
    victim.start()
    wait_for_replicas(proxy)


def test_without_any_replica_reads_go_to_the_primary(pgweir, cluster):
    proxy = pgweir()
    wait_for_replicas(proxy)
    with proxy.login() as conn:
        for replica in cluster.replicas:
            replica.stop()
        try:
            assert {who(conn) for _ in range(10)} == {"primary"}
        finally:
            for replica in cluster.replicas:
                replica.start()
    wait_for_replicas(proxy)


def test_a_replica_that_is_down_at_the_start_is_used_when_it_comes(
        pgweir, cluster):
    cluster.replicas[0].stop()
    try:
        proxy = pgweir()
        wait_for_replicas(proxy, {"replica2"})
    finally:
        cluster.replicas[0].start()
    wait_for_replicas(proxy)


def test_a_primary_that_restarts_costs_writers_one_connection_at_most(
        pgweir, cluster):
    proxy = pgweir()
    wait_for_replicas(proxy)
    with proxy.login() as conn:
        conn.ask("insert into thing (note) values ('before')")
        cluster.primary.stop_fast()
        cluster.primary.start()

        def writes():
            try:
                with proxy.login() as other:
                    return other.ask(
                        "insert into thing (note) values ('after')").tag
            except (wire.WireError, wire.Closed, OSError):
                return None

        wait_until(writes, 10, "writes work again")
    cluster.catch_up()


def test_the_order_of_hosts_does_not_matter(pgweir, cluster):
    nodes = list(reversed(cluster.nodes))
    proxy = pgweir(databases={"app": (
        f"host={','.join(n.host for n in nodes)}"
        f" port={','.join(str(n.port) for n in nodes)} dbname=app")})
    wait_for_replicas(proxy)
    with proxy.login() as conn:
        assert conn.value(f"select {NODE} for update") == "primary"


@pytest.mark.timeout(120)
def test_a_promoted_replica_is_followed(own_cluster, pgweir):
    proxy = pgweir(cluster=own_cluster)
    wait_for_replicas(proxy)
    own_cluster.primary.stop()
    own_cluster.replicas[0].promote()

    def writer():
        try:
            with proxy.login() as conn:
                return conn.value(f"select {NODE} for update")
        except (wire.WireError, wire.Closed, OSError, psycopg.Error):
            return None

    wait_until(lambda: writer() == "replica1", 20,
               "writes are answered by the new primary")
