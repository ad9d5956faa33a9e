"""A table changes its columns below a prepared statement. A client that had the
statement described before, and does not ask again, must not be sent rows of
another form: it would take them for what it was told. PostgreSQL refuses with
0A000, and drivers that remember descriptions (asyncpg, JDBC, postgres.js) prepare
anew on that.
"""
import contextlib

import pytest

import wire
from wire import bind, describe, execute, parse, sync


@contextlib.contextmanager
def changing(cluster):
    """A connection to the primary; what it does is on the replicas, too, when
    it is over: a read may be theirs to answer."""
    with cluster.primary.connect() as conn:
        yield conn
    cluster.catch_up()


@pytest.fixture
def proxy(pgweir):
    return pgweir(default_pool_size=2)


@pytest.fixture
def table(cluster):
    with changing(cluster) as conn:
        conn.execute("drop table if exists sp")
        conn.execute("create table sp as select 1 as id")
        conn.execute("grant all on sp to public")
    return "sp"


def add_column(cluster, table):
    with changing(cluster) as conn:
        conn.execute(f"alter table {table} add column name text default 'x'")


# How it is asked for: what locks waits for the form, what reads runs ahead.
WRITE = "select * from {} for update"
READ = "select * from {}"


def prepare(conn, table, text=WRITE, name="s"):
    """Prepares and asks for the description, as drivers do once."""
    conn.send(parse(text.format(table), name), describe("S", name), sync())
    return columns_told(conn)


def columns_told(conn):
    columns, = [frame for frame in conn.read_until("Z") if frame.type == "T"]
    return wire.columns_of(columns.payload)


def run_undescribed(conn, params=(), name="s", formats=()):
    """SQLSTATE of the refusal, or the rows."""
    conn.send(bind(params, name, formats=formats), execute(), sync())
    frames = conn.read_until("Z")
    for frame in frames:
        if frame.type == "E":
            return wire.fields_of(frame.payload)["C"]
    return [wire.row_of(frame.payload) for frame in frames
            if frame.type == "D"]


class Elsewhere:
    """While another client has the server that was used last."""

    def __init__(self, proxy):
        self.conn = proxy.login()

    def __enter__(self):
        self.conn.ask("begin")

    def __exit__(self, *_):
        self.conn.ask("rollback")
        self.conn.close()


def test_rows_of_another_form_are_refused_where_it_was_prepared(
        proxy, cluster, table):
    with proxy.login() as conn:
        assert len(prepare(conn, table)) == 1
        assert run_undescribed(conn) == [["1"]]
        add_column(cluster, table)
        assert run_undescribed(conn) == "0A000"


@pytest.mark.parametrize("text", [WRITE, READ])
@pytest.mark.parametrize("name", ["s", ""])
def test_rows_of_another_form_are_refused_on_another_server(
        proxy, cluster, table, text, name):
    with proxy.login() as conn:
        assert len(prepare(conn, table, text, name)) == 1
        add_column(cluster, table)
        with Elsewhere(proxy):
            assert run_undescribed(conn, name=name) == "0A000"
        # Who prepares anew has the new ones.
        conn.send(wire.close("S", name), sync())
        conn.read_until("Z")
        with Elsewhere(proxy):
            assert len(prepare(conn, table, text, name)) == 2
        assert run_undescribed(conn, name=name) == [["1", "x"]]


@pytest.mark.parametrize("text", [WRITE, READ])
def test_rows_of_the_same_form_are_not_refused_there(
        proxy, cluster, table, text):
    with proxy.login() as conn:
        prepare(conn, table, text)
        with changing(cluster) as admin:
            admin.execute(f"drop table {table}")
            admin.execute(f"create table {table} as select 7 as id")
            admin.execute(f"grant all on {table} to public")
        with Elsewhere(proxy):
            assert run_undescribed(conn) == [["7"]]
        assert run_undescribed(conn) == [["7"]]


def test_a_renamed_column_is_another_form(proxy, cluster, table):
    with proxy.login() as conn:
        prepare(conn, table)
        with changing(cluster) as admin:
            admin.execute(f"alter table {table} rename id to number")
        with Elsewhere(proxy):
            assert run_undescribed(conn) == "0A000"


def test_what_a_portal_was_described_as_counts(proxy, cluster, table):
    """As pgjdbc asks, the first time."""
    with proxy.login() as conn:
        conn.send(parse(WRITE.format(table), "s"), bind([], "s"), describe(),
                  execute(), sync())
        assert len(columns_told(conn)) == 1
        add_column(cluster, table)
        with Elsewhere(proxy):
            assert run_undescribed(conn) == "0A000"


def test_a_refused_request_ends_its_transaction(proxy, cluster, table):
    with proxy.login() as conn:
        prepare(conn, table)
        add_column(cluster, table)
        with Elsewhere(proxy):
            conn.ask("begin")
            assert run_undescribed(conn) == "0A000"
            with pytest.raises(wire.WireError) as caught:
                conn.ask("select 1")
            assert caught.value.sqlstate == "25P02"
            conn.ask("rollback")


def test_a_refused_write_has_not_run(proxy, cluster, table):
    text = "insert into {} (id) values (9) returning *"
    with proxy.login() as conn:
        prepare(conn, table, text)
        add_column(cluster, table)
        with Elsewhere(proxy):
            assert run_undescribed(conn) == "0A000"
        assert conn.value(f"select count(*) from {table}") == "1"


@pytest.mark.parametrize("name", ["s", ""])
@pytest.mark.parametrize("prefix", ["", "/* pgweir route=primary */ "])
def test_a_parameter_keeps_the_type_it_was_described_with(
        proxy, cluster, table, name, prefix):
    """Its values may come in binary: four bytes are no bigint."""
    with changing(cluster) as admin:
        admin.execute(f"alter table {table} add k int default 5")
    text = prefix + "select id from {} where k = $1"
    four = (5).to_bytes(4, "big")
    with proxy.login() as conn:
        prepare(conn, table, text, name)
        with changing(cluster) as admin:
            admin.execute(f"alter table {table} alter k type bigint")
        with Elsewhere(proxy):
            for _ in range(2):
                assert run_undescribed(
                    conn, [four], name, formats=[1]) == [["1"]]


def test_a_statement_prepared_after_the_change_does_not_meet_old_plans(
        pgweir, cluster, table):
    """Whatever server it comes to, and whoever is told which form."""
    proxy = pgweir(default_pool_size=2)
    with proxy.login() as old, proxy.login() as new:
        prepare(old, table)
        with Elsewhere(proxy):
            prepare(old, table, name="t")
        add_column(cluster, table)
        for _ in range(2):
            with Elsewhere(proxy):
                assert len(prepare(new, table)) == 2
                assert run_undescribed(new) == [["1", "x"]]
                new.send(wire.close("S", "s"), sync())
                new.read_until("Z")
        assert len(prepare(new, table)) == 2
        for _ in range(2):
            assert run_undescribed(new) == [["1", "x"]]
            with Elsewhere(proxy):
                assert run_undescribed(new) == [["1", "x"]]


def test_a_name_that_a_server_has_though_it_should_not_is_no_error(
        pgweir, cluster):
    proxy = pgweir(default_pool_size=1)
    with changing(cluster) as admin:
        admin.execute("""
            create or replace function sp_occupy() returns int
            language plpgsql as $$ begin for i in 1 .. 16 loop execute
            format('prepare pgweir_%s as select %s', to_hex(i), -i);
            end loop; return 1; end $$""")
        # What a view calls does not show in the text that reads it.
        admin.execute("create or replace view sp_occupied as"
                      " select sp_occupy()")
        admin.execute("grant all on sp_occupied to public")
    with proxy.login() as conn:
        conn.ask("select * from sp_occupied")
        conn.send(parse("select 42", "s"), describe("S", "s"), sync())
        assert len(columns_told(conn)) == 1
        assert run_undescribed(conn) == [["42"]]


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
