"""A client reads what it has written, however it wrote it, and however far
behind a replica is."""
import itertools

import pytest

import wire
from cluster import WHO
from procs import wait_until
from test_routing import wait_for_replicas

_numbers = itertools.count(1000)


@pytest.fixture(scope="module", autouse=True)
def ground(cluster):
    with cluster.primary.connect() as conn:
        conn.execute("""
          create table own (i int); grant all on own to public;
          create function own_add(int) returns int volatile language sql as
            'insert into own values ($1) returning i';
          create view own_hidden as
            select own_add((random() * 1e9)::int) as i""")
        conn.execute("grant select on own_hidden to public")
    cluster.catch_up()
    yield
    with cluster.primary.connect() as conn:
        conn.execute("drop table own; drop function own_add cascade")


def by_query(sql):
    def write(conn, number):
        conn.ask(sql.format(number))
    return write


def by_copy(conn, number):
    conn.send(wire.query("copy own from stdin"),
              wire.copy_data(f"{number}\n".encode()), wire.copy_done())
    conn.read_until("Z")


def by_batch(conn, number):
    conn.send(wire.parse("insert into own values ($1)"),
              wire.bind([str(number)]), wire.execute(), wire.sync())
    assert conn.types_until() == "12CZ"


WAYS = {
    "insert": by_query("insert into own values ({})"),
    "transaction": by_query("begin; insert into own values ({}); commit"),
    "several": by_query("select 1; insert into own values ({}); select 2"),
    "function": by_query("select own_add({})"),
    "view": by_query("select i from own_hidden"),
    "view among several": by_query("select 1; select i from own_hidden"),
    "with": by_query("with x as (insert into own values ({}) returning i)"
                     " select i from x"),
    "copy": by_copy, "batch": by_batch,
}


@pytest.fixture
def behind(cluster, proxy):
    """One replica that stays where it is for a while."""
    wait_for_replicas(proxy)
    with cluster.replicas[0].connect() as conn:
        conn.execute("select pg_wal_replay_pause()")
        try:
            yield proxy
        finally:
            conn.execute("select pg_wal_replay_resume()")
    cluster.catch_up()


def count(conn):
    return int(conn.value("select count(*) from own"))


@pytest.mark.parametrize("way", WAYS)
def test_what_was_written_is_read_at_once(cluster, proxy, way):
    wait_for_replicas(proxy)
    with proxy.login() as conn:
        for _ in range(10):
            cluster.catch_up()
            before = count(conn)
            WAYS[way](conn, next(_numbers))
            for _ in range(5):
                assert count(conn) == before + 1


@pytest.mark.parametrize("way", WAYS)
def test_also_while_a_replica_is_behind(behind, way):
    with behind.login() as conn:
        conn.ask("delete from own where false")
        before = count(conn)
        for i in range(5):
            WAYS[way](conn, next(_numbers))
            for _ in range(5):
                assert count(conn) == before + i + 1
            conn.ask("begin read only")
            assert count(conn) == before + i + 1
            conn.ask("commit")


def test_a_replica_that_comes_back_behind_is_not_read(cluster, pgweir):
    proxy = pgweir()
    wait_for_replicas(proxy)
    late = cluster.replicas[1]
    # It begins again where it was, not at some earlier point.
    with cluster.primary.connect() as conn:
        conn.execute("checkpoint")
    cluster.catch_up()
    with late.connect() as conn:
        conn.execute("checkpoint")
    late.stop_fast()
    late.configure(recovery_min_apply_delay="1h")
    try:
        wait_for_replicas(proxy, {"replica1"})
        with proxy.login() as conn:
            before = count(conn)
            conn.ask("insert into own values (1)")
            wait_until(lambda: conn.value(f"select {WHO}") == "replica1", 10,
                       "the other replica has it")
            late.start()
            with proxy.login() as other:
                wait_until(lambda: other.value(f"select {WHO}") == "replica2",
                           10, "it is read by others")
            assert late.ask("select count(*) from own") == before
            for _ in range(10):
                assert count(conn) == before + 1
    finally:
        late.configure(recovery_min_apply_delay="0")
        if late.proc is None:
            late.start()
        with late.connect() as conn:
            conn.execute("select pg_reload_conf()")
        cluster.catch_up()
