"""asyncpg as it comes: every statement is prepared by name and cached, and its
pool resets the connections that come back."""
import asyncio
import datetime
import io
import json
import os

import asyncpg

from day import main, say, scenario

MOMENT = ("select to_char(timestamptz '2020-02-01 00:00Z',"
          " 'YYYY-MM-DD HH24:MI'), name from item")


def told(function):
    """A scenario that is a coroutine."""
    return lambda: asyncio.run(function())


def row(record):
    return tuple(record) if record is not None else None


def rows(records):
    return [tuple(record) for record in records]


async def refused(conn, sql, *params):
    try:
        say(sql, "accepted", rows(await conn.fetch(sql, *params)))
    except asyncpg.PostgresError as problem:
        say(sql, "refused", problem.sqlstate)


@scenario("parameters of many types")
@told
async def _():
    conn = await asyncpg.connect()
    for kind, value in (("int", 1), ("bigint", 2**40), ("float8", 1.5),
                        ("text", "it's é"), ("bytea", b"\0\xff"),
                        ("text", None), ("bool", True), ("int[]", [1, 2]),
                        ("text[]", ["a", None]),
                        ("date", datetime.date(2020, 2, 1)),
                        ("interval", datetime.timedelta(hours=3)),
                        ("json", '{"a": 1}'), ("numeric", 10)):
        say(kind, await conn.fetchval(f"select $1::{kind}", value))
    await conn.execute("create type mood as enum ('sad', 'happy')")
    await conn.execute("create type pair as (a int, b mood)")
    say(await conn.fetchval("select $1::mood", "happy"),
        row(await conn.fetchval("select $1::pair", (1, "sad"))),
        await conn.fetchval("select $1::mood[]", ["sad"]))
    await conn.set_type_codec("json", schema="pg_catalog",
                              encoder=json.dumps, decoder=json.loads)
    say(await conn.fetchval("select $1::json", {"b": [1, 2]}))
    await conn.close()


@scenario("cached statements")
@told
async def _():
    conn = await asyncpg.connect()
    for i in range(12):
        say(await conn.fetchval("select $1::int * 2", i),
            await conn.fetchval("select $1::text || '!'", str(i)))
    prepared = await conn.prepare("select $1::int + $2::int as total")
    for i in range(4):
        say(await prepared.fetchval(i, 5))
    say([a.name for a in prepared.get_attributes()],
        [t.name for t in prepared.get_parameters()])
    await conn.close()


@scenario("more statements than the driver keeps")
@told
async def _():
    conn = await asyncpg.connect()
    total = 0
    for turn in range(2):
        for i in range(150):
            total += await conn.fetchval(f"select $1::int + {i}", turn)
    say(total)
    await conn.close()


@scenario("transactions")
@told
async def _():
    conn = await asyncpg.connect()
    await conn.execute("create table tx (id int primary key, name text)")
    for i in range(8):
        work = conn.transaction()
        await work.start()
        await conn.execute("insert into tx values ($1, $2)", i, f"name {i}")
        await (work.rollback() if i % 3 == 2 else work.commit())
    async with conn.transaction(isolation="serializable"):
        await conn.execute("update tx set name = 'kept' where id = 0")
        try:
            async with conn.transaction():
                await conn.execute("update tx set name = 'lost'")
                raise KeyError
        except KeyError:
            say("rolled back")
    async with conn.transaction(readonly=True):
        say(rows(await conn.fetch("select id, name from tx order by id")))
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        say(await conn.fetchval("show transaction_isolation"),
            await conn.fetchval("select count(*) from tx"))
    await conn.close()


@scenario("errors in the midst of a transaction")
@told
async def _():
    conn = await asyncpg.connect()
    await conn.execute("create table er (id int primary key)")
    for turn in range(4):
        work = conn.transaction()
        await work.start()
        await conn.execute("insert into er values ($1)", turn)
        await refused(conn, "insert into er values ($1)", turn)
        await refused(conn, "select $1::int", turn)
        await work.rollback()
        say(await conn.fetchval("select count(*) from er"),
            conn.is_in_transaction())
    await refused(conn, "selec 1")
    await refused(conn, "select * from nowhere where id = $1", 1)
    async with conn.transaction():
        await conn.execute("insert into er values (1)")
        try:
            async with conn.transaction():
                await conn.execute("insert into er values ($1)", 1)
        except asyncpg.UniqueViolationError as problem:
            say(problem.constraint_name)
        await conn.execute("insert into er values (2)")
    say(rows(await conn.fetch("select id from er order by id")))
    await conn.close()


@scenario("settings")
@told
async def _():
    conn = await asyncpg.connect(server_settings={
        "search_path": "tenant_2,public", "application_name": "the day",
        "statement_timeout": "30s"})
    say(row(await conn.fetchrow(MOMENT)),
        conn.get_settings().application_name)
    for i, zone in enumerate(("Europe/Berlin", "America/Lima", "UTC") * 3):
        await conn.execute(f"set TimeZone to '{zone}'")
        await conn.execute(f"set search_path to tenant_{i % 4}")
        say(row(await conn.fetchrow(MOMENT)), conn.get_settings().TimeZone,
            await conn.fetchval("select $1::timestamptz", datetime.datetime(
                2020, 2, 1, tzinfo=datetime.timezone.utc)))
    async with conn.transaction():
        await conn.execute("set local TimeZone to 'Asia/Kolkata'")
        await conn.execute("select set_config('search_path', $1, true)",
                           "tenant_3")
        say(row(await conn.fetchrow(MOMENT)))
    say(row(await conn.fetchrow(MOMENT)))
    await conn.execute("select set_config($1, $2, false)", "my.tenant", "x")
    say(await conn.fetchval("select current_setting('my.tenant')"))
    await refused(conn, "set TimeZone to 'No/Where'")
    say(row(await conn.fetchrow(MOMENT)))
    await conn.close()


@scenario("reset to what the connection began with")
@told
async def _():
    conn = await asyncpg.connect(server_settings={
        "search_path": "tenant_2", "TimeZone": "Asia/Kolkata"})
    for command in ("reset search_path", "set search_path to default",
                    "reset all", "discard all"):
        await conn.execute("set search_path to tenant_1")
        await conn.execute(command)
        say(await conn.fetchval("show search_path"),
            await conn.fetchval("show TimeZone"),
            conn.get_settings().TimeZone)
        await conn.reload_schema_state()
    await conn.close()


@scenario("roles")
@told
async def _():
    conn = await asyncpg.connect()
    who = "select current_user::text, session_user::text"
    await conn.execute("set role alice")
    for _ in range(3):
        say(row(await conn.fetchrow(who)))
    await refused(conn, "set role nosuch")
    await conn.execute("reset role")
    say(row(await conn.fetchrow(who)))
    async with conn.transaction():
        await conn.execute("set local role alice")
        say(row(await conn.fetchrow(who)))
    say(row(await conn.fetchrow(who)))
    await conn.close()


@scenario("copy")
@told
async def _():
    conn = await asyncpg.connect()
    await conn.execute("create table cp (id int, name text)")
    say(await conn.copy_records_to_table(
        "cp", records=[(i, f"name {i}") for i in range(3000)]))
    say(await conn.copy_to_table("cp", source=io.BytesIO(b"-1,text\n"),
                                 format="csv"))
    out = io.BytesIO()
    say(await conn.copy_from_query(
        "select * from cp where id < $1 order by id", 3, output=out))
    say(out.getvalue())
    try:
        await conn.copy_to_table("cp", source=io.BytesIO(b"no number,x\n"),
                                 format="csv")
    except asyncpg.DataError as problem:
        say(problem.sqlstate)
    say(await conn.fetchval("select count(*) from cp"))
    await conn.close()


@scenario("server-side cursors")
@told
async def _():
    conn = await asyncpg.connect()
    for _ in range(3):
        async with conn.transaction():
            total = 0
            async for record in conn.cursor(
                    "select generate_series(1, $1::int)", 500, prefetch=70):
                total += record[0]
            walker = await conn.cursor("select generate_series(1, 100)")
            await walker.forward(50)
            say(total, rows(await walker.fetch(2)))
    await conn.close()


@scenario("batch")
@told
async def _():
    conn = await asyncpg.connect()
    await conn.execute("create table many (id int primary key, name text)")
    await conn.executemany("insert into many values ($1, $2)",
                           [(i, str(i)) for i in range(300)])
    try:
        await conn.executemany("insert into many values ($1, $2)",
                               [(i, str(i)) for i in range(400, 290, -1)])
    except asyncpg.UniqueViolationError as problem:
        say(problem.sqlstate)
    say(row(await conn.fetchrow("select count(*), sum(id) from many")))
    say(await conn.execute("select 1; update many set name = 'x'; select 2"))
    await conn.close()


@scenario("pool of the driver")
@told
async def _():
    async def set_up(conn):
        await conn.execute("set statement_timeout to '20s'")

    async with asyncpg.create_pool(min_size=1, max_size=1,
                                   setup=set_up) as pool:
        for i in range(8):
            async with pool.acquire() as conn:
                say(await conn.fetchval("show search_path"),
                    await conn.fetchval("show TimeZone"),
                    await conn.fetchval("show statement_timeout"))
                await conn.execute(f"set search_path to tenant_{i % 4}")
                await conn.execute("set TimeZone to 'Asia/Kolkata'")
                say(row(await conn.fetchrow(MOMENT)))
                await conn.execute("select pg_advisory_lock($1)", i)
                await conn.execute("listen news")
        say(await pool.fetchval("select count(*) from pg_locks where"
                                " locktype = 'advisory' and pid ="
                                " pg_backend_pid()"))


@scenario("deallocate and discard")
@told
async def _():
    conn = await asyncpg.connect()
    for command in ("deallocate all", "discard all"):
        say(await conn.fetchval("select $1::int + 10", 1))
        await conn.execute("set search_path to tenant_1")
        await conn.execute(command)
        # The driver does not notice that its statement is gone.
        await refused(conn, "select $1::int + 10", 2)
        say(await conn.fetchval("select $1::int + 20", 3))
        await conn.reload_schema_state()
        say(await conn.fetchval("select $1::int + 10", 4),
            await conn.fetchval("show search_path"))
    await conn.close()


@scenario("a migration below a cached statement")
@told
async def _():
    conn = await asyncpg.connect()
    await conn.execute("create table mg (id int)")
    await conn.execute("insert into mg values (1)")
    for i in range(3):
        say(row(await conn.fetchrow("select * from mg where id = $1", 1)))
        await conn.execute(f"alter table mg add column c{i} text default 'd'")
    say(row(await conn.fetchrow("select * from mg where id = $1", 1)))
    await conn.close()


@scenario("notifications")
@told
async def _():
    conn = await asyncpg.connect()
    heard = asyncio.Queue()
    await conn.add_listener(
        "news", lambda conn, pid, channel, payload: heard.put_nowait(payload))
    await conn.execute("select pg_notify('news', $1)", "hello")
    say(await asyncio.wait_for(heard.get(), 10))
    await conn.close()


@scenario("a query given up")
@told
async def _():
    conn = await asyncpg.connect()
    for _ in range(2):
        try:
            await conn.fetchval("select pg_sleep($1)", 30, timeout=0.3)
        except asyncio.TimeoutError:
            say("given up")
        say(await conn.fetchval("select $1::text", "alive"))
    await conn.close()


@told
async def crowd():
    async def member(i):
        seen = []
        conn = await asyncpg.connect(server_settings={
            "search_path": f"tenant_{i % 4}"})
        await conn.execute(f"set TimeZone to 'Etc/GMT+{i}'")
        await conn.execute(f"set role {'alice' if i % 2 else 'app'}")
        present.append(i)
        for turn in range(20):
            seen.append(row(await conn.fetchrow(
                "select name, $2::int, current_setting('TimeZone'),"
                " current_user::text from item where id = $1", i, turn)))
            seen.append(await conn.fetchval(f"select {i} + $1::int", turn))
            async with conn.transaction():
                await conn.execute("update item set name = name || $1 where"
                                   f" id = {i}", str(turn))
                seen.append(await conn.fetchval(
                    "select name from item where id = $1", i))
        # Nobody leaves before all have come.
        everybody.set() if len(present) == count else None
        await everybody.wait()
        seen.append(await conn.fetchval("select $1::int", i))
        await conn.close()
        return seen

    count = int(os.environ["CROWD"])
    present, everybody = [], asyncio.Event()
    for seen in await asyncio.gather(*(member(i) for i in range(count))):
        say(seen)


main(crowd)
