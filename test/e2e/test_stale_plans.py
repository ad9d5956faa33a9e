"""A table changes its columns below a prepared statement. A client that had the
statement described before, and does not ask again, must not be sent rows of
another form: it would take them for what it was told. PostgreSQL refuses with
0A000, and drivers that remember descriptions (asyncpg, JDBC, postgres.js) prepare
anew on that.
"""
import pytest

import wire
from wire import bind, describe, execute, parse, sync

@pytest.fixture
def proxy(pgweir):
    return pgweir(default_pool_size=2)


@pytest.fixture
def table(cluster):
    with cluster.primary.connect() as conn:
        conn.execute("drop table if exists sp")
        conn.execute("create table sp as select 1 as id")
        conn.execute("grant all on sp to public")
    return "sp"


def add_column(cluster, table):
    with cluster.primary.connect() as conn:
        conn.execute(f"alter table {table} add column name text default 'x'")


def prepare(conn, table):
    """Prepares and asks for the description, as drivers do once. What locks is
    at the primary."""
    conn.send(parse(f"select * from {table} for update", "s"),
              describe("S", "s"), sync())
    frames = conn.read_until("Z")
    columns, = [frame for frame in frames if frame.type == "T"]
    return wire.columns_of(columns.payload)


def run_undescribed(conn):
    """SQLSTATE of the refusal, or the rows."""
    conn.send(bind([], "s"), execute(), sync())
    frames = conn.read_until("Z")
    for frame in frames:
        if frame.type == "E":
            return wire.fields_of(frame.payload)["C"]
    return [wire.row_of(frame.payload) for frame in frames
            if frame.type == "D"]


def test_rows_of_another_form_are_refused_where_it_was_prepared(
        proxy, cluster, table):
    with proxy.login() as conn:
        assert len(prepare(conn, table)) == 1
        assert run_undescribed(conn) == [["1"]]
        add_column(cluster, table)
        assert run_undescribed(conn) == "0A000"


def test_rows_of_another_form_are_refused_on_another_server(
        proxy, cluster, table):
    with proxy.login() as conn, proxy.login() as other:
        assert len(prepare(conn, table)) == 1
        assert run_undescribed(conn) == [["1"]]
        add_column(cluster, table)
        # The other client takes the server that has the statement.
        other.ask("begin")
        assert run_undescribed(conn) == "0A000"
        other.ask("rollback")


def test_who_asks_for_the_description_may_have_the_new_rows(
        proxy, cluster, table):
    with proxy.login() as conn, proxy.login() as other:
        prepare(conn, table)
        add_column(cluster, table)
        other.ask("begin")
        conn.send(bind([], "s"), describe(), execute(), sync())
        frames = {frame.type: frame for frame in conn.read_until("Z")}
        other.ask("rollback")
        if "D" in frames:
            assert len(wire.columns_of(frames["T"].payload)) == 2
            assert wire.row_of(frames["D"].payload) == ["1", "x"]
        else:
            assert wire.fields_of(frames["E"].payload)["C"] == "0A000"
