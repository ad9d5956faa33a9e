"""The relay byte by byte: every sequence of messages gets the answers that
PostgreSQL itself gives, also one byte at a time, also all at once."""
import struct

import pytest

import wire
from procs import wait_until
from wire import (bind, close, copy_data, copy_done, copy_fail, describe,
                  execute, flush, frame, parse, query, sync)

pytestmark = pytest.mark.fidelity


@pytest.fixture(params=["at once", "bytewise"])
def talk(proxy, request):
    """A connection whose send() delivers as the parameter says."""
    conn = proxy.login()
    if request.param == "bytewise":
        conn.send = conn.send_bytewise
    yield conn
    conn.close()


@pytest.fixture
def table(cluster):
    with cluster.primary.connect() as conn:
        conn.execute("drop table if exists copied")
        conn.execute("create table copied (id int)")
        conn.execute("grant all on copied to public")
    cluster.catch_up()
    return "copied"


def one(sql, **how):
    """Parse, Bind, Describe, Execute of the unnamed statement."""
    return parse(sql) + bind(**how) + describe() + execute()


def assert_alive(conn):
    assert conn.value("select 'alive'") == "alive"


# ---- extended protocol ------------------------------------------------------
def test_an_extended_query_gets_each_answer_once(talk):
    talk.send(one("select $1::text", params=["x"]), sync())
    assert talk.types_until() == "12TDCZ"
    assert_alive(talk)


def test_flush_brings_the_answers_and_sync_the_end(talk):
    talk.send(parse("select 1"), describe("S"), flush())
    assert talk.types_until("T") == "1tT"
    talk.send(bind(), execute(), flush())
    assert talk.types_until("C") == "2DC"
    talk.send(sync())
    assert talk.types_until() == "Z"
    assert_alive(talk)


def test_a_batch_followed_by_a_flushed_one(talk):
    talk.send(one("select 1"), sync(), parse("select 2"), flush())
    assert talk.types_until() == "12TDCZ"
    assert talk.types_until("1") == "1"
    talk.send(bind(), execute(), sync())
    assert talk.types_until() == "2DCZ"


def test_many_batches_in_one_write_are_answered_in_order(talk):
    count = 30
    talk.send(*(one("select $1::text", params=[str(i)]) + sync()
                for i in range(count)))
    for i in range(count):
        frames = [f for f in talk.read_until("Z")]
        assert wire.row_of(
            next(f for f in frames if f.type == "D").payload) == [str(i)]


def test_many_syncs_in_one_write(talk):
    talk.send(*[sync()] * 50)
    assert "".join(talk.types_until() for _ in range(50)) == "Z" * 50
    assert_alive(talk)


def test_an_error_skips_the_rest_of_the_batch_only(talk):
    talk.send(parse("select 1/(random() * 0)::int"), bind(), execute(),
              parse("select 2"), bind(), execute(), sync(), one("select 3"),
              sync())
    assert talk.types_until() == "12EZ"
    assert talk.types_until() == "12TDCZ"


def test_a_query_pipelined_behind_an_error_is_ignored_until_sync(talk):
    talk.send(parse("select nonsense"), bind(), execute(),
              query("select 'ignored'"), sync(), query("select 'heard'"))
    assert talk.types_until() == "EZ"
    assert talk.types_until() == "TDCZ"


def test_a_query_inside_a_batch_is_answered(talk):
    talk.send(one("select 1"), query("select 2"), sync())
    assert talk.types_until() == "12TDCTDCZ"
    assert talk.types_until() == "Z"


def test_a_portal_is_fetched_in_pieces(talk):
    talk.send(query("begin"))
    assert talk.types_until() == "CZ"
    talk.send(parse("select generate_series(1, 5)"), bind(portal="p"),
              execute("p", 2), execute("p", 2), execute("p", 2), sync())
    assert talk.types_until() == "12DDsDDsDCZ"
    talk.send(close("P", "p"), query("commit"), sync())
    assert talk.types_until() == "3CZ"
    assert talk.types_until() == "Z"


def test_a_named_statement_lives_across_transactions(proxy):
    with proxy.login() as conn, proxy.login() as other:
        conn.send(parse("select $1::int + 1", "plus", [23]), sync())
        assert conn.types_until() == "1Z"
        for i in range(5):
            assert_alive(other)
            conn.send(bind([str(i)], "plus"), execute(), sync())
            rows = [f for f in conn.read_until("Z") if f.type == "D"]
            assert wire.row_of(rows[0].payload) == [str(i + 1)]
        conn.send(close("S", "plus"), sync())
        assert conn.types_until() == "3Z"
        conn.send(bind(["1"], "plus"), sync())
        frames = conn.read_until("Z")
        assert wire.fields_of(frames[0].payload)["C"] == "26000"


def test_the_unnamed_statement_lives_past_sync(proxy):
    with proxy.login() as conn, proxy.login() as other:
        conn.send(parse("select 'mine ' || $1::text"), sync())
        assert conn.types_until() == "1Z"
        other.send(one("select 'not yours'"), sync())
        assert other.types_until() == "12TDCZ"
        conn.send(bind(["x"]), execute(), sync())
        rows = [f for f in conn.read_until("Z") if f.type == "D"]
        assert wire.row_of(rows[0].payload) == ["mine x"]


def test_empty_queries_are_answered(talk):
    talk.send(query(""))
    assert talk.types_until() == "IZ"
    talk.send(parse(""), bind(), describe(), execute(), sync())
    assert talk.types_until() == "12nIZ"
    assert_alive(talk)


def test_a_transaction_keeps_its_status_through_errors(talk):
    talk.send(query("begin"))
    assert talk.read_until("Z")[-1].payload == b"T"
    talk.send(query("select 1/0"))
    assert talk.read_until("Z")[-1].payload == b"E"
    talk.send(query("select 1"))
    frames = talk.read_until("Z")
    assert wire.fields_of(frames[0].payload)["C"] == "25P02"
    talk.send(query("rollback"))
    assert talk.read_until("Z")[-1].payload == b"I"


def test_function_call_is_answered(talk, cluster):
    oid = cluster.primary.ask("select 'int4abs(int4)'::regprocedure::oid")
    talk.send(wire.function_call(oid, "-5"))
    frames = talk.read_until("Z")
    assert frames[0].type == "V"
    assert frames[0].payload == struct.pack("!i", 1) + b"5"
    talk.send(wire.function_call(1, "x"))
    assert talk.types_until() == "EZ"
    assert_alive(talk)


def test_notices_and_changed_parameters_arrive_in_their_place(talk):
    talk.send(query("do $$ begin raise notice 'n'; end $$;"
                    "set application_name = 'changed'; select 1"))
    kinds = "".join(f.type for f in talk.read_until("Z"))
    assert kinds == "NCCTDCSZ"
    assert talk.value("show application_name") == "changed"


def test_messages_of_every_size_around_the_buffers_pass(proxy):
    with proxy.login() as conn:
        for size in (1, 100, 4095, 4096, 8192, 65500, 65520, 65530, 65535,
                     65536, 65540, 131072, 1 << 20):
            sql = "select length('" + "x" * size + "')"
            assert conn.value(sql) == str(size)
            assert len(conn.value(f"select repeat('y', {size})")) == size


def test_a_large_parameter_passes_both_ways(proxy):
    value = "z" * (3 << 20)
    with proxy.login() as conn:
        conn.send(one("select $1::text", params=[value]), sync())
        rows = [f for f in conn.read_until("Z") if f.type == "D"]
        assert wire.row_of(rows[0].payload) == [value]


# ---- copy -------------------------------------------------------------------
def test_copy_in_and_out_by_simple_query(talk, cluster, table):
    talk.send(query(f"copy {table} from stdin"))
    assert talk.types_until("G") == "G"
    talk.send(copy_data(b"1\n2\n"), copy_data(b"3\n"), copy_done())
    assert talk.types_until() == "CZ"
    cluster.catch_up()
    talk.send(query(f"copy {table} to stdout"))
    assert talk.types_until() == "HdddcCZ"
    assert_alive(talk)


def test_copy_given_up_by_the_client(talk, table):
    talk.send(query(f"copy {table} from stdin"))
    assert talk.types_until("G") == "G"
    talk.send(copy_data(b"1\n"), copy_fail())
    assert talk.types_until() == "EZ"
    assert talk.value(f"select count(*) from {table}") == "0"


def test_copy_that_fails_while_data_still_comes(talk, table):
    talk.send(query(f"copy {table} from stdin"))
    assert talk.types_until("G") == "G"
    talk.send(copy_data(b"1\nnonsense\n"), *[copy_data(b"2\n")] * 40)
    assert talk.types_until() == "EZ"
    talk.send(*[copy_data(b"3\n")] * 40, copy_done())
    talk.send(query("select 'alive'"))
    assert talk.types_until() == "TDCZ"


def test_copy_data_without_a_copy_is_dropped(talk):
    talk.send(copy_data(b"1\n"), copy_done(), query("select 1"))
    assert talk.types_until() == "TDCZ"


def test_copy_in_a_pipeline_with_an_early_sync(talk, cluster, table):
    """As libpq sends it: the Sync before CopyDone is the server's to ignore,
    so a second one ends the copy."""
    talk.send(parse(f"copy {table} from stdin"), bind(), describe(),
              execute(), sync())
    assert talk.types_until("G") == "12nG"
    talk.send(copy_data(b"1\n2\n"), copy_done(), sync())
    assert talk.types_until() == "CZ"
    cluster.catch_up()
    assert talk.value(f"select count(*) from {table} where id < 9") == "2"


def test_copy_in_a_pipeline_that_fails(talk, table):
    talk.send(parse(f"copy {table} from stdin"), bind(), execute(), sync())
    assert talk.types_until("G") == "12G"
    talk.send(copy_data(b"nonsense\n"), copy_done(), sync())
    assert talk.types_until() == "EZ"
    talk.send(one("select 1"), sync())
    assert talk.types_until() == "12TDCZ"


def test_copy_out_in_a_pipeline(talk):
    talk.send(parse("copy (select generate_series(1, 3)) to stdout"), bind(),
              execute(), one("select 4"), sync())
    assert talk.types_until() == "12HdddcC12TDCZ"


def test_copy_with_others_queued_behind_in_one_write(talk, table):
    talk.send(query(f"copy {table} from stdin"), copy_data(b"7\n"),
              copy_done(), query("select 'behind'"))
    assert talk.types_until() == "GCZ"
    assert talk.types_until() == "TDCZ"


# ---- peers that misbehave ---------------------------------------------------
@pytest.mark.parametrize("garbage", [
    b"Q\0\0\0\0", b"Q\0\0\0\3", b"Q\xff\xff\xff\xff", b"\0\0\0\0\4",
    b"Z\0\0\0\5I", frame("Q", b"select 1"), frame("B", b"\0"),
    frame("P", b"x"), frame("E", b""), frame("F", b"\0")],
    ids=["length 0", "length 3", "length -1", "type 0", "server's message",
         "query without its end", "short Bind", "short Parse",
         "short Execute", "short FunctionCall"])
def test_garbage_costs_its_sender_the_connection_or_an_error(proxy, garbage):
    with proxy.login() as conn, proxy.login() as other:
        # A batch may be held until its Sync; what is wrong shows then.
        conn.send(garbage, sync())
        try:
            frames = [conn.read_frame()]
            assert frames[0].type == "E"
        except (wire.Closed, ConnectionResetError, TimeoutError):
            pass
        assert_alive(other)


def test_a_client_gone_in_the_midst_of_a_message_harms_nobody(proxy):
    for cut in (1, 3, 5, 9, 20):
        with proxy.login() as conn:
            conn.send(query("select pg_sleep(0), 'cut off'")[:cut])
    with proxy.login() as conn:
        assert_alive(conn)


def test_a_client_gone_in_the_midst_of_a_copy_copies_nothing(
        proxy, cluster, table):
    with proxy.login() as conn:
        conn.send(query(f"copy {table} from stdin"))
        conn.types_until("G")
        conn.send(copy_data(b"1\n"))
    wait_until(lambda: not cluster.primary.backends(
        "query like 'copy copied%' and state = 'active'"), 10,
        "the copy has ended")
    assert cluster.primary.ask(f"select count(*) from {table}") == 0


def test_a_client_gone_in_a_transaction_has_it_rolled_back(
        proxy, cluster, table):
    with proxy.login() as conn:
        conn.ask(f"begin; insert into {table} values (1)")
    wait_until(lambda: not cluster.primary.backends(
        "state like 'idle in transaction%'"), 10, "the transaction is over")
    assert cluster.primary.ask(f"select count(*) from {table}") == 0


def test_a_client_gone_while_its_query_runs_does_not_keep_it_running(
        proxy, cluster):
    """PostgreSQL itself notices only when it writes: here pgweir is better."""
    if not hasattr(proxy, "proc"):
        pytest.skip("PostgreSQL lets it run")
    with proxy.login() as conn:
        conn.send(query("select pg_sleep(50) for update"))
        sleeping = "query like 'select pg_sleep(50)%' and state = 'active'"
        wait_until(lambda: cluster.primary.backends(sleeping), 5, "it runs")
    wait_until(lambda: not cluster.primary.backends(sleeping), 10,
               "it was cancelled")


def test_what_was_asked_before_terminate_is_still_done(proxy):
    with proxy.login() as conn:
        conn.send(query("select 1"), wire.terminate())
        assert conn.types_until() == "TDCZ"
        conn.assert_closed()
