"""psycopg2 as it comes: simple queries, parameters put in by the client."""
import datetime
import io
import os

import psycopg2
import psycopg2.extras
import psycopg2.pool

from day import attempt, main, say, scenario


def connect(autocommit=False, **more):
    conn = psycopg2.connect("", **more)
    conn.autocommit = autocommit
    return conn


def ask(conn, sql, params=None):
    with conn.cursor() as cur:
        cur.execute(sql, params)
        return cur.fetchall() if cur.description else cur.statusmessage


def sqlstate_of(problem):
    return getattr(problem, "pgcode", None)


def refused(conn, sql, params=None):
    attempt(sql, lambda: ask(conn, sql, params), sqlstate_of)


MOMENT = "select timestamptz '2020-02-01 00:00Z'::text, name from item"


@scenario("parameters of many types")
def _():
    conn = connect()
    for value in (1, 2**40, 1.5, "it's é \\ ;", None, True, [1, 2, 3],
                  datetime.date(2020, 2, 1), (1, "a")):
        say(ask(conn, "select %s", (value,)))
    say(bytes(ask(conn, "select %s", (b"\0\xff",))[0][0]))
    say(ask(conn, "select %(a)s + %(b)s", {"a": 1, "b": 2}))
    with conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
        cur.execute("select 1 as one, 'x' as two")
        say(dict(cur.fetchone()))
    conn.close()


@scenario("statements prepared by hand")
def _():
    conn = connect(autocommit=True)
    ask(conn, "prepare by_hand (int, text) as select $1 * 3, $2")
    for i in range(12):
        say(ask(conn, "execute by_hand (%s, %s)", (i, f"word {i}")))
    refused(conn, "prepare by_hand as select 1")
    ask(conn, "deallocate by_hand")
    refused(conn, "execute by_hand (1, 'x')")
    ask(conn, "prepare by_hand as select 'another'")
    say(ask(conn, "execute by_hand"))
    ask(conn, "deallocate all")
    refused(conn, "execute by_hand")
    conn.close()


@scenario("transactions")
def _():
    conn = connect()
    ask(conn, "create table tx (id int primary key, name text)")
    conn.commit()
    for i in range(8):
        ask(conn, "insert into tx values (%s, %s)", (i, f"name {i}"))
        if i % 3 == 2:
            conn.rollback()
        else:
            conn.commit()
    with conn:
        ask(conn, "update tx set name = 'kept' where id = 0")
    try:
        with conn:
            ask(conn, "update tx set name = 'lost'")
            raise KeyError
    except KeyError:
        say("rolled back")
    say(ask(conn, "select id, name from tx order by id"))
    conn.commit()
    conn.set_session(isolation_level="serializable", readonly=True)
    say(ask(conn, "show transaction_isolation"))
    refused(conn, "insert into tx values (100)")
    conn.rollback()
    conn.set_session(isolation_level="default", readonly=False)
    ask(conn, "insert into tx values (100)")
    conn.commit()
    conn.set_session(autocommit=True, deferrable=True, readonly=True)
    say(ask(conn, "show default_transaction_read_only"),
        ask(conn, "show default_transaction_deferrable"))
    refused(conn, "insert into tx values (101)")
    conn.set_session(readonly=False, deferrable=False)
    ask(conn, "insert into tx values (101)")
    say(ask(conn, "select count(*) from tx"))
    conn.close()


@scenario("two phases")
def _():
    conn = connect()
    ask(conn, "create table tp (id int)")
    conn.commit()
    conn.tpc_begin(conn.xid(7, "drivers", "one"))
    ask(conn, "insert into tp values (1)")
    conn.tpc_prepare()
    conn.tpc_commit()
    conn.tpc_begin(conn.xid(7, "drivers", "two"))
    ask(conn, "insert into tp values (2)")
    conn.tpc_prepare()
    conn.tpc_rollback()
    say(ask(conn, "select id from tp"))
    conn.close()


@scenario("errors in the midst of a transaction")
def _():
    conn = connect()
    ask(conn, "create table er (id int primary key)")
    conn.commit()
    for turn in range(4):
        ask(conn, "insert into er values (%s)", (turn,))
        refused(conn, "insert into er values (%s)", (turn,))
        refused(conn, "select %s", (turn,))
        conn.rollback()
        say(ask(conn, "select count(*) from er"), conn.status)
        conn.rollback()
    refused(conn, "selec 1")
    conn.rollback()
    ask(conn, "insert into er values (1)")
    ask(conn, "savepoint a")
    refused(conn, "insert into er values (1)")
    ask(conn, "rollback to a")
    ask(conn, "insert into er values (2)")
    conn.commit()
    say(ask(conn, "select id from er order by id"))
    refused(conn, "insert into er values (3); select 1/0; select 2")
    conn.rollback()
    say(ask(conn, "select id from er order by id"))
    conn.close()


@scenario("settings")
def _():
    conn = connect(autocommit=True, application_name="the day",
                   options="-c search_path=tenant_2,public"
                           " -c statement_timeout=30s")
    say(ask(conn, MOMENT), conn.get_parameter_status("application_name"))
    for i, zone in enumerate(("Europe/Berlin", "America/Lima", "UTC") * 3):
        ask(conn, "set TimeZone to %s", (zone,))
        ask(conn, f"set search_path to tenant_{i % 4}")
        say(ask(conn, MOMENT), conn.get_parameter_status("TimeZone"))
    ask(conn, "set DateStyle to 'German'; set IntervalStyle to 'iso_8601'")
    say(ask(conn, "select date '2020-02-01'::text, '3 hours'::interval::text"),
        conn.get_parameter_status("DateStyle"))
    ask(conn, "begin")
    ask(conn, "set local TimeZone to 'Asia/Kolkata'")
    ask(conn, "select set_config('search_path', %s, true)", ("tenant_3",))
    say(ask(conn, MOMENT))
    ask(conn, "rollback")
    say(ask(conn, MOMENT))
    conn.set_client_encoding("LATIN1")
    say(conn.encoding, ask(conn, "select 'é', length('é')"))
    refused(conn, "set TimeZone to 'No/Where'")
    say(ask(conn, MOMENT))
    conn.close()


@scenario("reset to what the connection began with")
def _():
    conn = connect(autocommit=True, options="-c search_path=tenant_2"
                                            " -c TimeZone=Asia/Kolkata")
    for command in ("reset search_path", "set search_path to default",
                    "reset all", "discard all"):
        ask(conn, "set search_path to tenant_1")
        ask(conn, command)
        say(ask(conn, MOMENT), conn.get_parameter_status("TimeZone"))
    conn.close()


@scenario("settings and a rollback")
def _():
    conn = connect()
    ask(conn, "set TimeZone to 'Asia/Kolkata'")
    conn.rollback()
    say(ask(conn, "show TimeZone"), conn.get_parameter_status("TimeZone"))
    ask(conn, "set TimeZone to 'Asia/Kolkata'")
    conn.commit()
    say(ask(conn, "show TimeZone"), conn.get_parameter_status("TimeZone"))
    conn.reset()
    say(ask(conn, "show TimeZone"), conn.get_parameter_status("TimeZone"))
    conn.close()


@scenario("roles")
def _():
    conn = connect(autocommit=True)
    who = "select current_user, session_user"
    ask(conn, "set role alice")
    for _ in range(3):
        say(ask(conn, who))
    refused(conn, "set role nosuch")
    ask(conn, "set session role bob")
    say(ask(conn, who))
    ask(conn, "reset role")
    ask(conn, "begin; set local role alice")
    say(ask(conn, who))
    ask(conn, "commit")
    say(ask(conn, who))
    conn.close()


@scenario("copy")
def _():
    conn = connect()
    ask(conn, "create table cp (id int, name text)")
    with conn.cursor() as cur:
        rows = "".join(f"{i}\tname {i}\n" for i in range(3000))
        cur.copy_from(io.StringIO(rows), "cp")
        say(cur.rowcount)
        conn.commit()
        out = io.StringIO()
        cur.copy_expert("copy (select * from cp where id < 3 order by id) to"
                        " stdout csv header", out)
        say(repr(out.getvalue()))
        try:
            cur.copy_from(io.StringIO("not a number\tx\n"), "cp")
        except psycopg2.DataError as problem:
            say(problem.pgcode)
        conn.rollback()
        cur.execute("select count(*) from cp")
        say(cur.fetchone())
    conn.close()


@scenario("server-side cursors")
def _():
    conn = connect()
    for _ in range(3):
        with conn.cursor("walker") as cur:
            cur.itersize = 70
            cur.execute("select generate_series(1, %s)", (500,))
            say(sum(row[0] for row in cur))
        conn.commit()
    with conn.cursor("held", withhold=True) as cur:
        cur.execute("select generate_series(1, 10)")
        conn.commit()
        say(ask(conn, "select 'between'"))
        conn.commit()
        say(cur.fetchall())
    conn.close()


@scenario("many values at once")
def _():
    conn = connect()
    ask(conn, "create table many (id int, name text)")
    rows = [(i, f"name {i}") for i in range(1000)]
    with conn.cursor() as cur:
        psycopg2.extras.execute_values(
            cur, "insert into many values %s", rows, page_size=300)
        psycopg2.extras.execute_batch(
            cur, "update many set name = %s where id = %s",
            [("changed", i) for i in range(50)])
        cur.executemany("insert into many values (%s, %s)", rows[:20])
    conn.commit()
    say(ask(conn, "select count(*), count(*) filter (where name = 'changed')"
                  " from many"))
    conn.close()


@scenario("notifications")
def _():
    conn = connect(autocommit=True)
    ask(conn, "listen news")
    ask(conn, "select pg_notify('news', 'hello')")
    ask(conn, "select 1")
    conn.poll()
    say([note.payload for note in conn.notifies])
    ask(conn, "unlisten *")
    ask(conn, "do $$ begin raise notice 'one'; raise warning 'two'; end $$")
    say([text.strip() for text in conn.notices])
    conn.close()


@scenario("pool of the driver")
def _():
    pool = psycopg2.pool.SimpleConnectionPool(1, 2, "")
    for i in range(6):
        conn = pool.getconn()
        say(ask(conn, "show search_path"), ask(conn, "show TimeZone"))
        ask(conn, f"set search_path to tenant_{i % 4}")
        say(ask(conn, "select name from item where id = %s", (i,)))
        if i % 2:
            conn.rollback()
        pool.putconn(conn)
    pool.closeall()


@scenario("large objects")
def _():
    conn = connect()
    large = conn.lobject(0, "wb")
    large.write(b"0123456789" * 1000)
    large.close()
    again = conn.lobject(large.oid, "rb")
    again.seek(5000)
    say(again.read(12))
    again.close()
    conn.lobject(large.oid, "n").unlink()
    conn.commit()
    conn.close()


def crowd():
    count = int(os.environ["CROWD"])
    conns = []
    for i in range(count):
        conn = connect(autocommit=True)
        conns.append(conn)
        ask(conn, f"set search_path to tenant_{i % 4}")
        ask(conn, "set TimeZone to %s", (f"Etc/GMT+{i}",))
        ask(conn, "set role " + ("alice" if i % 2 else "app"))
    for turn in range(8):
        for i, conn in enumerate(conns):
            say(i, ask(conn, "select name, %s, current_setting('TimeZone'),"
                             " current_user from item where id = %s",
                       (i, turn)))
    for i, conn in enumerate(conns):
        conn.autocommit = False
        ask(conn, "update item set name = name || %s where id = 9", (str(i),))
        conn.commit()
    for conn in conns:
        say(ask(conn, "select name from item where id = 9"))
        conn.close()


main(crowd)
