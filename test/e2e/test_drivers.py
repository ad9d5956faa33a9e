"""What psql, pgbench, psycopg and asyncpg do works as on a direct connection."""
import asyncio
import io
import os
import re

import asyncpg
import psycopg
import pytest

import wire
from cluster import program
from conftest import Factory
from procs import run, wait_until, write_file

pytestmark = pytest.mark.fidelity


@pytest.fixture(scope="module")
def proxy(request, cluster):
    """Room for every client: drivers prepare statements, and a client whose
    statements are not followed yet keeps its server."""
    factory = Factory(request, cluster)
    yield factory(default_pool_size=40)
    factory.end()


@pytest.fixture
def table(cluster):
    """An empty table on all nodes, named after nothing in particular."""
    with cluster.primary.connect() as conn:
        conn.execute("drop table if exists item")
        conn.execute("create table item (id int, name text)")
        conn.execute("grant all on item to public")
    cluster.catch_up()
    return "item"


def psql(proxy, *commands, check=True):
    args = [program("psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1",
            "-d", proxy.dsn()]
    for command in commands:
        args += ["-c", command]
    return run(args, check=check)


# ---- psql -------------------------------------------------------------------
def test_psql_runs_its_commands(proxy):
    done = psql(proxy, "select 40 + 2", "select 'é' || repeat('x', 3)")
    assert done.stdout == "42\néxxx\n"


def test_psql_describes_a_table(proxy, table):
    assert "name|text" in psql(proxy, rf"\d {table}").stdout


def test_psql_copies_in_and_out(proxy, cluster, table):
    path = write_file(os.path.join(proxy.dir, "items.csv"),
                      "".join(f"{i},name {i}\n" for i in range(5000)))
    psql(proxy, rf"\copy {table} from '{path}' csv")
    cluster.catch_up()
    done = psql(proxy, rf"\copy (select * from {table} order by id) to stdout")
    assert done.stdout.splitlines()[4999] == "4999\tname 4999"


def test_psql_shows_errors_where_they_are(proxy):
    done = psql(proxy, "select 1/0", check=False)
    assert done.returncode == 1
    assert "ERROR:  division by zero" in done.stderr


def test_several_statements_in_one_query_answer_in_order(proxy):
    with proxy.login() as conn:
        conn.send(wire.query("select 1; select 2; select"))
        assert conn.types_until() == "TDCTDCTDCZ"


# ---- psycopg ----------------------------------------------------------------
def test_psycopg_simple_and_extended_queries(proxy):
    with proxy.connect() as conn:
        assert conn.execute("select 1").fetchone() == (1,)
        row = conn.execute("select %s::int + 1, %s::text, %b::bytea",
                           (41, "it's", b"\0\xff")).fetchone()
        assert row == (42, "it's", b"\0\xff")
        assert conn.execute("select null::int where false").fetchone() is None


def test_psycopg_transactions_commit_and_roll_back(proxy, table):
    with proxy.connect(autocommit=False) as conn:
        conn.execute(f"insert into {table} values (1, 'kept')")
        conn.commit()
        conn.execute(f"insert into {table} values (2, 'dropped')")
        conn.rollback()
        with conn.transaction():
            conn.execute(f"insert into {table} values (3, 'kept')")
            with pytest.raises(psycopg.errors.DivisionByZero):
                with conn.transaction():
                    conn.execute(f"insert into {table} values (4, 'dropped')")
                    conn.execute("select 1/0")
        rows = conn.execute(
            f"select id from {table} order by id for update").fetchall()
        assert rows == [(1,), (3,)]


def test_psycopg_prepared_statements_survive_other_transactions(proxy):
    with proxy.connect(prepare_threshold=0) as one, \
            proxy.connect(prepare_threshold=0) as other:
        for i in range(10):
            assert one.execute("select %s::int * 2", (i,)).fetchone() == (
                2 * i,)
            assert other.execute("select %s::int * 3", (i,)).fetchone() == (
                3 * i,)


def test_psycopg_pipeline_mode(proxy, table):
    with proxy.connect() as conn:
        with conn.pipeline():
            cursors = [conn.execute("select %s::int", (i,))
                       for i in range(200)]
            conn.execute(f"insert into {table} values (1, 'piped')")
            last = conn.execute(f"select count(*) from {table}")
        assert [cur.fetchone()[0] for cur in cursors] == list(range(200))
        assert last.fetchone() == (1,)


def test_psycopg_pipeline_goes_on_after_an_error(proxy):
    with proxy.connect() as conn:
        with conn.pipeline() as pipe:
            good = conn.execute("select 1")
            pipe.sync()
            with pytest.raises(psycopg.errors.DivisionByZero):
                conn.execute("select 1/0")
                conn.execute("select 'aborted'")
                pipe.sync()
            after = conn.execute("select 2")
        assert good.fetchone() == (1,)
        assert after.fetchone() == (2,)


def test_psycopg_copies_in_and_out(proxy, cluster, table):
    with proxy.connect() as conn, conn.cursor() as cur:
        with cur.copy(f"copy {table} from stdin") as copy:
            for i in range(20000):
                copy.write_row((i, f"name {i}"))
        assert cur.rowcount == 20000
        cluster.catch_up()
        read = io.BytesIO()
        with cur.copy(f"copy (select * from {table} order by id) to stdout"
                      ) as copy:
            for block in copy:
                read.write(bytes(block))
        assert read.getvalue().count(b"\n") == 20000
        assert conn.execute("select 'still here'").fetchone()


def test_psycopg_copy_with_bad_data_fails_and_the_connection_lives(
        proxy, table):
    with proxy.connect() as conn, conn.cursor() as cur:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            with cur.copy(f"copy {table} from stdin") as copy:
                for i in range(5000):
                    copy.write(f"{i}\tname\n" if i != 100 else "bad\trow\n")
        assert conn.execute(f"select count(*) from {table}").fetchone() == (
            0,)


def test_psycopg_copy_given_up_by_the_client_leaves_nothing(proxy, table):
    with proxy.connect() as conn, conn.cursor() as cur:
        with pytest.raises(psycopg.errors.QueryCanceled):
            with cur.copy(f"copy {table} from stdin") as copy:
                copy.write("1\tx\n")
                raise ZeroDivisionError
        assert conn.execute(f"select count(*) from {table}").fetchone() == (
            0,)


def test_psycopg_server_side_cursor_in_a_transaction(proxy):
    with proxy.connect(autocommit=False) as conn:
        with conn.cursor("walker") as cur:
            cur.itersize = 100
            cur.execute("select generate_series(1, 5000)")
            assert sum(row[0] for row in cur) == 5000 * 5001 // 2
        conn.commit()


def test_psycopg_receives_notices_while_rows_flow(proxy):
    seen = []
    with proxy.connect() as conn:
        conn.add_notice_handler(lambda d: seen.append(d.message_primary))
        conn.execute("do $$ begin for i in 1..50 loop raise notice 'n%', i;"
                     " end loop; end $$")
        assert seen == [f"n{i}" for i in range(1, 51)]


def test_a_listening_client_is_notified_by_another(proxy):
    with proxy.connect() as listener, proxy.connect() as speaker:
        listener.execute("listen news")
        speaker.execute("select pg_notify('news', 'hello')")
        with speaker.transaction():
            speaker.execute("notify news, 'again'")
        got = []
        for note in listener.notifies():
            got.append(note.payload)
            if len(got) == 2:
                break
        assert got == ["hello", "again"]


def test_a_running_query_can_be_cancelled(proxy, cluster):
    with proxy.login() as conn:
        conn.send(wire.query("select pg_sleep(30) for update"))
        wait_until(lambda: cluster.primary.backends(
            "query like 'select pg_sleep(30)%' and wait_event = 'PgSleep'"),
            5, "the query runs")
        conn.cancel()
        frames = conn.read_until("Z")
        assert wire.fields_of(frames[-2].payload)["C"] == "57014"
        assert conn.value("select 'alive'") == "alive"


# ---- asyncpg ----------------------------------------------------------------
def test_asyncpg_queries_prepares_copies_and_walks_cursors(proxy, table):
    async def work():
        conn = await asyncpg.connect(
            host=proxy.host, port=proxy.port, user="app", database="app",
            password="app-secret", ssl=False)
        try:
            assert await conn.fetchval("select $1::int + 1", 41) == 42
            prepared = await conn.prepare("select $1::text || '!'")
            assert [await prepared.fetchval(w) for w in ("a", "b")] == [
                "a!", "b!"]
            await conn.executemany(f"insert into {table} values ($1, $2)",
                                   [(i, str(i)) for i in range(100)])
            out = io.BytesIO()
            await conn.copy_from_query(f"select * from {table} for update",
                                       output=out)
            assert out.getvalue().count(b"\n") == 100
            async with conn.transaction():
                total = 0
                async for row in conn.cursor("select generate_series(1,300)",
                                             prefetch=50):
                    total += row[0]
                assert total == 45150
            with pytest.raises(asyncpg.DivisionByZeroError):
                await conn.fetchval("select 1/0")
            assert await conn.fetchval("select 'alive'") == "alive"
        finally:
            await conn.close()

    asyncio.run(work())


def test_asyncpg_pool_of_many_connections(proxy):
    async def work():
        async with asyncpg.create_pool(
                host=proxy.host, port=proxy.port, user="app", database="app",
                password="app-secret", ssl=False, min_size=10, max_size=30,
                statement_cache_size=0) as pool:
            async def one(i):
                async with pool.acquire() as conn:
                    return await conn.fetchval("select $1::int", i)
            answers = await asyncio.gather(*(one(i) for i in range(300)))
            assert answers == list(range(300))

    asyncio.run(work())


# ---- pgbench ----------------------------------------------------------------
@pytest.fixture(scope="module")
def bench_tables(cluster):
    run([program("pgbench"), "-i", "-q", "-s", "1", "-h",
         cluster.primary.host, "-p", str(cluster.primary.port), "-U", "app",
         "app"])
    cluster.catch_up()


@pytest.mark.parametrize("script", ["tpcb-like", "select-only"])
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_runs_clean(proxy, bench_tables, mode, script):
    done = run([program("pgbench"), "-n", "-M", mode, "-b", script, "-c",
                "20", "-j", "2", "-t", "50", "-h", proxy.host, "-p",
                str(proxy.port), "-U", "app", "app"])
    assert "transactions actually processed: 1000/1000" in done.stdout
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    assert failed is None or failed[1] == "0"
