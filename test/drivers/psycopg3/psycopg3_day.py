"""psycopg 3 as it comes: it prepares by itself at the fifth execution."""
import os
import datetime

import psycopg
from psycopg.rows import dict_row

from day import attempt, main, say, scenario


def sqlstate_of(problem):
    return getattr(problem, "sqlstate", None)


def connect(**more):
    return psycopg.connect("", **more)


def refused(conn, sql, params=None):
    attempt(sql, lambda: conn.execute(sql, params).fetchall(), sqlstate_of)


@scenario("parameters of many types")
def _():
    with connect() as conn:
        for value in (1, 2**40, 1.5, "it's é", b"\0\xff", None, True,
                      [1, 2, 3], ["a", "b"], datetime.date(2020, 2, 1),
                      datetime.timedelta(hours=3)):
            say(conn.execute("select %s", (value,)).fetchone())
        say(conn.execute("select %(a)s::int + %(b)s::int",
                         {"a": 1, "b": 2}).fetchone())
        with conn.cursor(row_factory=dict_row, binary=True) as cur:
            say(cur.execute("select %b::int as one, 'x' as two",
                            (7,)).fetchall())


@scenario("statements repeated until they are prepared")
def _():
    with connect(autocommit=True) as conn:
        for i in range(12):
            say(conn.execute("select %s::int * 2", (i,)).fetchone(),
                conn.execute("select %s::text || '!'", (str(i),)).fetchone())
        for i in range(6):
            say(conn.execute("select %s::int", (i,), prepare=True).fetchone())


@scenario("more statements than the driver keeps")
def _():
    with connect(autocommit=True) as conn:
        total = 0
        for turn in range(2):
            for i in range(150):
                total += conn.execute(f"select %s::int + {i}", (turn,),
                                      prepare=True).fetchone()[0]
        say(total)


@scenario("transactions")
def _():
    with connect() as conn:
        conn.execute("create table tx (id int primary key, name text)")
        conn.commit()
        for i in range(8):
            conn.execute("insert into tx values (%s, %s)", (i, f"name {i}"))
            if i % 3 == 2:
                conn.rollback()
            else:
                conn.commit()
        say(conn.execute("select id, name from tx order by id").fetchall())
        conn.rollback()
        with conn.transaction():
            conn.execute("update tx set name = 'kept' where id = 0")
            try:
                with conn.transaction():
                    conn.execute("update tx set name = 'lost'")
                    raise psycopg.Rollback
            except psycopg.Rollback:
                say("rolled back")
        say(conn.execute("select name from tx order by id").fetchall())


@scenario("errors in the midst of a transaction")
def _():
    with connect() as conn:
        conn.execute("create table er (id int primary key)")
        conn.commit()
        for turn in range(8):
            conn.execute("insert into er values (%s)", (turn,))
            refused(conn, "insert into er values (%s) returning id", (turn,))
            refused(conn, "select %s::int", (turn,))
            conn.rollback()
            say(conn.execute("select count(*) from er").fetchone(),
                conn.info.transaction_status.name)
            conn.commit()
        refused(conn, "selec 1")
        conn.rollback()
        refused(conn, "select * from nowhere where id = %s", (1,))
        conn.rollback()
        with conn.transaction():
            conn.execute("insert into er values (1)")
            try:
                with conn.transaction():
                    conn.execute("insert into er values (1)")
            except psycopg.errors.UniqueViolation as problem:
                say(problem.diag.constraint_name, problem.diag.table_name)
            conn.execute("insert into er values (2)")
        say(conn.execute("select id from er order by id").fetchall())


@scenario("settings")
def _():
    with connect(autocommit=True,
                 options="-c search_path=tenant_2,public -c statement_timeout"
                         "=30s", application_name="the day") as conn:
        moment = "select timestamptz '2020-02-01 00:00Z'::text, name from item"
        say(conn.execute(moment).fetchone(), conn.info.parameter_status(
            "application_name"))
        for i, zone in enumerate(("Europe/Berlin", "America/Lima", "UTC") * 3):
            conn.execute(f"set TimeZone to '{zone}'")
            conn.execute(f"set search_path to tenant_{i % 4}")
            say(conn.execute(moment).fetchone(), conn.info.timezone,
                conn.execute("select %s::timestamptz", (
                    datetime.datetime(2020, 2, 1,
                                      tzinfo=datetime.timezone.utc),)
                             ).fetchone()[0].isoformat())
        with conn.transaction():
            conn.execute("set local TimeZone to 'Asia/Kolkata'")
            conn.execute("select set_config('search_path', %s, true)",
                         ("tenant_3",))
            say(conn.execute(moment).fetchone())
        say(conn.execute(moment).fetchone())
        conn.execute("select set_config(%s, %s, false)", ("my.tenant", "x"))
        say(conn.execute("select current_setting('my.tenant')").fetchone())
        refused(conn, "set TimeZone to 'No/Where'")
        say(conn.execute(moment).fetchone())


@scenario("reset to what the connection began with")
def _():
    with connect(autocommit=True,
                 options="-c search_path=tenant_2 -c TimeZone=Asia/Kolkata"
                 ) as conn:
        for command in ("reset search_path", "set search_path to default",
                        "reset all", "discard all"):
            conn.execute("set search_path to tenant_1")
            conn.execute(command)
            say(conn.execute("show search_path").fetchone(),
                conn.execute("show TimeZone").fetchone(), conn.info.timezone)


@scenario("settings and a rollback")
def _():
    with connect() as conn:
        conn.execute("set TimeZone to 'Asia/Kolkata'")
        conn.rollback()
        say(conn.execute("show TimeZone").fetchone(), conn.info.timezone)
        conn.execute("set TimeZone to 'Asia/Kolkata'")
        conn.commit()
        conn.execute("savepoint a")
        conn.execute("set TimeZone to 'America/Lima'")
        conn.execute("rollback to savepoint a")
        say(conn.execute("show TimeZone").fetchone(), conn.info.timezone)


@scenario("roles")
def _():
    with connect(autocommit=True) as conn:
        who = "select current_user::text, session_user::text"
        conn.execute("set role alice")
        for _ in range(7):
            say(conn.execute(who).fetchone())
        refused(conn, "set role nosuch")
        conn.execute("reset role")
        say(conn.execute(who).fetchone())
        with conn.transaction():
            conn.execute("set local role alice")
            say(conn.execute(who).fetchone())
        say(conn.execute(who).fetchone())


@scenario("copy")
def _():
    with connect() as conn, conn.cursor() as cur:
        cur.execute("create table cp (id int, name text)")
        with cur.copy("copy cp from stdin") as copy:
            for i in range(3000):
                copy.write_row((i, f"name {i}"))
        say(cur.rowcount)
        with cur.copy("copy cp (id, name) from stdin (format binary)"
                      ) as copy:
            copy.set_types(["int4", "text"])
            copy.write_row((-1, "binary"))
        conn.commit()
        with cur.copy("copy (select * from cp where id < %s order by id)"
                      " to stdout", (3,)) as copy:
            say([row for row in copy.rows()])
        try:
            with cur.copy("copy cp from stdin") as copy:
                copy.write("not a number\tname\n")
        except psycopg.DataError as problem:
            say(problem.sqlstate)
        conn.rollback()
        say(cur.execute("select count(*) from cp").fetchone())


@scenario("server-side cursors")
def _():
    with connect() as conn:
        for _ in range(3):
            with conn.cursor("walker") as cur:
                cur.itersize = 70
                cur.execute("select i, %s from generate_series(1, 500) i",
                            ("x",))
                say(sum(row[0] for row in cur))
            conn.commit()
        with conn.cursor("scrolling", scrollable=True) as cur:
            cur.execute("select generate_series(1, 100)")
            cur.scroll(50)
            say(cur.fetchone())
            cur.scroll(-10)
            say(cur.fetchmany(2))
        conn.commit()
    with connect(autocommit=True) as conn:
        with conn.cursor("held", withhold=True) as cur:
            cur.execute("select generate_series(1, 10)")
            say(conn.execute("select 'between'").fetchone())
            say(cur.fetchall())


@scenario("pipeline")
def _():
    with connect(autocommit=True) as conn:
        with conn.pipeline():
            cursors = [conn.execute("select %s::int", (i,))
                       for i in range(50)]
        say(sum(cur.fetchone()[0] for cur in cursors))
        with conn.pipeline() as pipe:
            before = conn.execute("select 'before'")
            pipe.sync()
            try:
                conn.execute("select 1 / %s::int", (0,))
                pipe.sync()
            except psycopg.Error as problem:
                say(problem.sqlstate)
            after = conn.execute("select 'after'")
        say(before.fetchone(), after.fetchone())
        with conn.cursor() as cur:
            cur.execute("create table many (id int, name text)")
            cur.executemany("insert into many values (%s, %s) returning id",
                            [(i, str(i)) for i in range(40)], returning=True)
            seen = [cur.fetchone()[0]]
            while cur.nextset():
                seen.append(cur.fetchone()[0])
            say(seen == list(range(40)), cur.execute(
                "select count(*), sum(id) from many").fetchone())


@scenario("deallocate and discard")
def _():
    with connect(autocommit=True) as conn:
        for command in ("deallocate all", "discard all"):
            for i in range(7):
                refused(conn, "select %s::int + 10", (i,))
            conn.execute("set search_path to tenant_1")
            conn.execute(command)
            say(conn.execute("show search_path").fetchone())
            for i in range(7):
                refused(conn, "select %s::int + 10", (i,))
        conn.execute("prepare by_hand (int) as select $1 * 3")
        say(conn.execute("execute by_hand (5)").fetchone())
        conn.execute("deallocate by_hand")
        refused(conn, "execute by_hand (5)")


@scenario("objects of a session")
def _():
    with connect(autocommit=True) as conn:
        conn.execute("create temp table mine (id int)")
        for i in range(7):
            conn.execute("insert into mine values (%s)", (i,))
        say(conn.execute("select sum(id) from mine").fetchone())
        conn.execute("drop table mine")
        conn.execute("select pg_advisory_lock(%s)", (77,))
        say(conn.execute("select count(*) from pg_locks where locktype ="
                         " 'advisory' and pid = pg_backend_pid()").fetchone())
        say(conn.execute("select pg_advisory_unlock(77)").fetchone())
        heard = []
        conn.add_notify_handler(lambda note: heard.append(note.payload))
        conn.execute("listen news")
        conn.execute("select pg_notify('news', %s)", ("hello",))
        say(heard, conn.execute("select 1").fetchone(), heard)


@scenario("one connection after another")
def _():
    for i in range(6):
        with connect(autocommit=True) as conn:
            say(conn.execute("show search_path").fetchone(),
                conn.execute("show TimeZone").fetchone(),
                conn.execute("select current_user::text").fetchone())
            conn.execute(f"set search_path to tenant_{i % 4}")
            conn.execute("set role alice")
            for _ in range(6):
                say(conn.execute("select name from item where id = %s",
                                 (i,)).fetchone())
            if i % 2:
                conn.execute("begin")


def crowd():
    count = int(os.environ["CROWD"])
    conns = []
    for i in range(count):
        conn = connect(autocommit=True)
        conns.append(conn)
        conn.execute(f"set search_path to tenant_{i % 4}")
        conn.execute(f"set TimeZone to 'Etc/GMT+{i}'")
        conn.execute(f"set role {'alice' if i % 2 else 'app'}")
    for turn in range(8):
        for i, conn in enumerate(conns):
            say(i, conn.execute("select name, %s::int, current_setting("
                                "'TimeZone'), current_user::text from item"
                                " where id = %s", (i, turn)).fetchone(),
                conn.execute(f"select {i} + %s::int", (turn,)).fetchone())
    for i, conn in enumerate(conns):
        with conn.transaction():
            conn.execute("update item set name = name || %s where id = 9",
                         (str(i),))
    for conn in conns:
        say(conn.execute("select name from item where id = 9").fetchone())
        conn.close()


main(crowd)
