"""Replication through pgweir: backups, logs, decoding, subscriptions."""
import os
import subprocess

import pytest

import wire
from cluster import Cluster, program
from procs import (end_process, give, private_dir, run, spawn, wait_until)


@pytest.fixture(scope="module")
def publisher():
    """A primary alone, which decodes its log."""
    made = Cluster(replicas=0, prefix="pw-rep-")
    try:
        made.create()
        made.primary.stop_fast()
        made.primary.configure(wal_level="logical", max_wal_senders=10,
                               max_replication_slots=10)
        made.primary.start()
        with made.primary.connect() as conn:
            conn.execute("alter role app replication")
            conn.execute("alter role alice replication")
        yield made
    finally:
        made.destroy()


@pytest.fixture
def folder():
    path = private_dir("pw-rep-out-")
    yield path
    run(["rm", "-rf", path])


def place(publisher, more=""):
    primary = publisher.primary
    return f"host={primary.host} port={primary.port} {more}"


@pytest.fixture
def start(pgweir, publisher):
    def start(more="", **settings):
        return pgweir(cluster=publisher, databases={
            "app": place(publisher, "dbname=app " + more),
            "replication": place(publisher, more)}, **settings)
    return start


def senders(publisher):
    return publisher.primary.ask("select count(*) from pg_stat_replication")


def shown(proxy, what="servers"):
    """The kinds of replication among the connections of SHOW WHAT."""
    return sorted(row["replication"] for row in proxy.show(what)
                  if row["replication"] != "none")


def background(*args):
    return spawn(list(args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                 text=True)


def end(proc):
    end_process(proc, 2)
    proc.stdout.close()


# ---- the tools


def test_pg_basebackup_makes_a_standby_that_starts(start, publisher, folder):
    proxy = start()
    target = os.path.join(folder, "data")
    run([program("pg_basebackup"), "-D", target, "-h", proxy.host, "-p",
         str(proxy.port), "-U", "app", "-X", "stream", "-c", "fast",
         "--no-sync"])
    run([program("pg_verifybackup"), target])
    # both of its connections have ended, and so have their servers
    wait_until(lambda: not shown(proxy), 5, "nothing is left")
    wait_until(lambda: senders(publisher) == 0, 5, "nor on the server")


def test_pg_receivewal_follows_the_log(start, publisher, folder):
    proxy = start()
    proc = background(program("pg_receivewal"), "-D", folder, "-h",
                      proxy.host, "-p", str(proxy.port), "-U", "app",
                      "--no-loop", "--synchronous")
    try:
        wait_until(lambda: senders(publisher) == 1, 10, "it streams")
        assert shown(proxy) == shown(proxy, "clients") == ["physical"]
        with publisher.primary.connect() as conn:
            conn.execute("set synchronous_commit = on")
            conn.execute("create table grown as select generate_series(1, 9)")
            conn.execute("drop table grown")
            end_of_log = conn.execute(
                "select pg_current_wal_flush_lsn()").fetchone()[0]
        wait_until(lambda: publisher.primary.ask(
            f"select flush_lsn >= '{end_of_log}' from pg_stat_replication"),
            10, "it has written all of it")
    finally:
        end(proc)
    assert any(name.endswith(".partial") for name in os.listdir(folder))
    wait_until(lambda: senders(publisher) == 0, 5, "its server has ended")


def test_pg_recvlogical_decodes(start, publisher, folder):
    proxy = start()
    common = [program("pg_recvlogical"), "-h", proxy.host, "-p",
              str(proxy.port), "-U", "app", "-d", "app", "--slot", "decode"]
    run([*common, "--create-slot", "-P", "test_decoding"])
    out = os.path.join(folder, "out")
    proc = background(*common, "--start", "-f", out, "--no-loop",
                      "-F", "1", "-s", "1")
    try:
        wait_until(lambda: senders(publisher) == 1, 10, "it streams")
        assert shown(proxy) == ["logical"]
        with publisher.primary.connect() as conn:
            conn.execute("create table decoded (id int)")
            conn.execute("insert into decoded values (42)")

        def has_arrived():
            with open(out, encoding="utf-8") as file:
                return "id[integer]:42" in file.read()
        wait_until(has_arrived, 10, "the row is decoded")
    finally:
        end(proc)
    wait_until(lambda: senders(publisher) == 0, 5, "its server has ended")
    run([*common, "--drop-slot"])


def test_a_subscription_copies_and_follows(start, publisher):
    """Its workers copy tables over connections of their own."""
    proxy = start()
    with publisher.primary.connect() as conn:
        conn.execute("create table told (id int primary key, word text)")
        conn.execute("insert into told select i, 'word ' || i"
                     " from generate_series(1, 5000) i")
        conn.execute("grant select on told to app")
        conn.execute("create publication news for table told")
    subscriber = Cluster(replicas=0, prefix="pw-sub-")
    try:
        subscriber.create()
        with subscriber.primary.connect() as there:
            there.execute("create table told (id int primary key, word text)")
            there.execute(
                "create subscription reader connection"
                f" 'host={proxy.host} port={proxy.port} user=app dbname=app'"
                " publication news")

            def count():
                return there.execute(
                    "select count(*) from told").fetchone()[0]
            wait_until(lambda: count() == 5000, 20, "the table is copied")
            with publisher.primary.connect() as conn:
                conn.execute("insert into told values (0, 'last')")
                conn.execute("delete from told where id > 4000")
            wait_until(lambda: count() == 4001, 20, "changes follow")
            assert "logical" in shown(proxy)
            there.execute("drop subscription reader")
        wait_until(lambda: not shown(proxy), 5, "nothing is left")
    finally:
        subscriber.destroy()


# ---- the pool


def physical(proxy, **how):
    return proxy.login("replication", replication="true", **how)


def test_each_has_a_server_of_its_own_in_the_pools_limit(start, publisher):
    proxy = start("pool_size=2")
    one, two = physical(proxy), physical(proxy)
    assert one.ask("IDENTIFY_SYSTEM").rows[0][0] == \
        two.ask("IDENTIFY_SYSTEM").rows[0][0]
    assert proxy.pool("replication")["sv_active"] == 2
    with proxy.wire() as three:
        three.send(wire.startup({"user": "app", "database": "replication",
                                 "replication": "true"}))
        wait_until(lambda: proxy.pool("replication")["cl_waiting"] == 1, 5,
                   "it waits")
        assert proxy.pool("replication")["sv_active"] == 2
        one.close()
        assert three.read_until("Z")[-1].payload == b"I"
        assert three.ask("IDENTIFY_SYSTEM").rows
    two.close()
    wait_until(lambda: proxy.pool("replication")["sv_active"] == 0, 5,
               "their servers are gone")
    assert proxy.pool("replication")["sv_idle"] == 0


def test_a_server_that_is_idle_makes_room(start):
    proxy = start("pool_size=1")
    with proxy.login() as conn:
        conn.ask("select 1")
        with proxy.login(replication="database") as other:
            assert other.ask("IDENTIFY_SYSTEM").rows[0][3] == "app"
            assert other.value("select 2") == "2"
            # and now there is none for anybody else
            conn.send(wire.query("select 3"))
            wait_until(lambda: proxy.pool()["cl_waiting"] == 1, 5, "it waits")
        assert conn.read_result().rows == [["3"]]


def test_it_is_greeted_as_by_the_server_itself(start, publisher):
    proxy = start()
    how = {"replication": "database", "application_name": "copier",
           "options": "-c datestyle=German -c work_mem=7MB"}
    with proxy.login(**how) as conn, wire.Wire(
            (publisher.primary.host, publisher.primary.port)) as direct:
        direct.login(user="app", database="app", **how)
        assert conn.params == direct.params
        assert conn.value("show work_mem") == "7MB"
        assert conn.params["application_name"] == "copier"


def test_what_may_not_replicate_hears_why(start, publisher):
    proxy = start()
    with pytest.raises(wire.WireError) as caught:
        proxy.login(user="bob", replication="database")
    assert caught.value.sqlstate == "42501"
    with proxy.login(user="bob") as conn:  # which concerns nobody else
        assert conn.value("select 1") == "1"


def test_a_database_without_an_entry_is_said(start, pgweir, publisher):
    proxy = pgweir(cluster=publisher,
                   databases={"app": place(publisher, "dbname=app")})
    with pytest.raises(wire.WireError) as caught:
        proxy.login("replication", replication="true")
    assert caught.value.sqlstate == "3D000"
    assert "entry" in caught.value.fields["H"]


def test_a_forced_user_replicates_as_that(start):
    proxy = start("user=alice")
    with proxy.login(user="bob", replication="database") as conn:
        assert conn.value("select current_user") == "alice"


def test_timeouts_leave_it_alone(start):
    proxy = start(client_idle_timeout=0.3, idle_transaction_timeout=0.3,
                  query_timeout=0.3, transaction_timeout=0.3,
                  server_idle_timeout=0.3, server_lifetime=0.3)
    with proxy.login(replication="database") as conn:
        assert conn.value("select pg_sleep(1) is null") == "f"
        conn.ask("begin")
        conn.ask("select pg_sleep(1)")
        assert conn.value("select 'alive'") == "alive"


def test_it_can_be_cancelled(start, publisher):
    proxy = start()
    with proxy.login(replication="database") as conn:
        conn.send(wire.query("select pg_sleep(60)"))
        wait_until(lambda: publisher.primary.ask(
            "select exists (select from pg_stat_activity where"
            " wait_event = 'PgSleep')"), 5, "it runs")
        conn.cancel()
        with pytest.raises(wire.WireError) as caught:
            conn.read_result()
        assert caught.value.sqlstate == "57014"
        assert conn.value("select 'alive'") == "alive"


def test_one_byte_at_a_time(start):
    proxy = start()
    with proxy.login(replication="database") as conn:
        conn.send_bytewise(wire.query("select 'slow'"))
        assert conn.read_result().rows == [["slow"]]
        conn.send_bytewise(wire.terminate())
        conn.assert_closed()


def test_large_answers_and_requests_pass(start):
    proxy = start()
    with proxy.login(replication="database") as conn:
        text = "x" * 3_000_000
        assert conn.value(f"select length('{text}')") == "3000000"
        assert conn.value("select repeat('y', 3000000)") == "y" * 3_000_000


def test_a_server_that_ends_is_said(start, publisher):
    proxy = start()
    with proxy.login(replication="database") as conn:
        pid = conn.value("select pg_backend_pid()")
        publisher.primary.ask(f"select pg_terminate_backend({pid})")
        got = conn.read_frame()
        assert got.type == "E"
        assert wire.fields_of(got.payload)["C"] == "57P01"
        conn.assert_closed()


def test_who_leaves_while_waiting_leaves_nothing(start):
    proxy = start("pool_size=1")
    holder = physical(proxy)
    with proxy.wire() as late:
        late.send(wire.startup({"user": "app", "database": "replication",
                                "replication": "true"}))
        wait_until(lambda: proxy.pool("replication")["cl_waiting"] == 1, 5,
                   "it waits")
    wait_until(lambda: proxy.pool("replication")["cl_waiting"] == 0, 5,
               "it is forgotten")
    holder.close()
    with physical(proxy) as conn:
        assert conn.ask("IDENTIFY_SYSTEM").rows
