"""Nothing one client does is seen by another: what is followed is replayed,
what is not pins the client to its server, which nobody else ever gets."""
import pytest

import wire
from cluster import WHO
from procs import wait_until


@pytest.fixture
def pair(pgweir):
    """Two clients and room for three servers per node."""
    proxy = pgweir(default_pool_size=3)
    with proxy.login() as one, proxy.login() as other:
        yield one, other, proxy


def backend(conn):
    """The server process that answers, on the primary."""
    return conn.value("select pg_backend_pid() for update")


@pytest.mark.fidelity
@pytest.mark.parametrize("setting, value, neutral", [
    ("work_mem", "7MB", "4MB"), ("search_path", "pg_catalog", None),
    ("TimeZone", "Asia/Tokyo", "UTC"), ("my.tenant", "seven", ""),
    ("statement_timeout", "54321ms", "0"),
    ("application_name", "spy", ""),
    ("default_transaction_isolation", "serializable", "read committed")])
def test_a_setting_stays_with_its_client(pair, setting, value, neutral):
    one, other, _ = pair
    if neutral is None:
        neutral = other.value(f"show {setting}")
    ask = f"select current_setting('{setting}', true)"
    one.ask(f"set {setting} = '{value}'")
    for _ in range(5):
        assert one.value(ask) == value
        assert (other.value(ask) or "") == neutral
    one.ask(f"reset {setting}")
    assert (one.value(ask) or "") == neutral


@pytest.mark.fidelity
@pytest.mark.parametrize("sql", [
    "select set_config('work_mem', '7MB', false)",
    "do $$ begin perform set_config('work_mem', '7MB', false); end $$",
    "begin; set work_mem = '7MB'; commit",
    "/* hidden */ SeT --\n work_mem to '7MB'",
    "select 1; set session work_mem = '7MB'"])
def test_a_setting_stays_with_its_client_however_it_is_made(pair, sql):
    one, other, _ = pair
    one.ask(sql)
    for _ in range(3):
        assert one.value("show work_mem") == "7MB"
        assert other.value("show work_mem") == "4MB"


@pytest.mark.fidelity
def test_a_setting_made_by_the_extended_protocol_stays_too(pair):
    one, other, _ = pair
    one.send(wire.parse("select set_config('work_mem', $1, false)"),
             wire.bind(["7MB"]), wire.execute(), wire.sync())
    assert one.types_until() == "12DCZ"
    for _ in range(3):
        assert one.value("show work_mem") == "7MB"
        assert other.value("show work_mem") == "4MB"


@pytest.mark.fidelity
def test_a_transaction_scoped_setting_ends_with_the_transaction(pair):
    one, other, _ = pair
    one.ask("begin; set local work_mem = '7MB'; commit")
    assert one.value("show work_mem") == "4MB"
    assert other.value("show work_mem") == "4MB"


@pytest.mark.fidelity
def test_a_role_taken_stays_with_its_client(pgweir, cluster):
    with cluster.primary.connect() as conn:
        conn.execute("grant bob to app")
    proxy = pgweir(default_pool_size=3)
    with proxy.login() as one, proxy.login() as other:
        one.ask("set role bob")
        for _ in range(3):
            assert one.value("select current_user") == "bob"
            assert other.value("select current_user") == "app"
        one.ask("reset role")
        assert one.value("select current_user") == "app"


@pytest.mark.fidelity
def test_temporary_tables_stay_with_their_client(pair):
    one, other, _ = pair
    one.ask("create temp table mine (i int)")
    one.ask("insert into mine values (1)")
    for _ in range(3):
        assert one.value("select count(*) from mine") == "1"
        with pytest.raises(wire.WireError) as caught:
            other.ask("select count(*) from mine")
        assert caught.value.sqlstate == "42P01"


@pytest.mark.fidelity
def test_advisory_locks_stay_with_their_client(pair):
    one, other, _ = pair
    assert one.value("select pg_try_advisory_lock(77)") == "t"
    for _ in range(3):
        assert other.value("select pg_try_advisory_lock(77)") == "f"
    assert one.value("select pg_advisory_unlock(77)") == "t"
    assert other.value("select pg_try_advisory_lock(77)") == "t"


@pytest.mark.fidelity
def test_a_cursor_with_hold_stays_with_its_client(pair):
    one, other, _ = pair
    one.ask("begin; declare walker cursor with hold for"
            " select generate_series(1, 9); commit")
    for i in range(1, 5):
        assert one.value("fetch walker") == str(i)
        with pytest.raises(wire.WireError) as caught:
            other.ask("fetch walker")
        assert caught.value.sqlstate == "34000"


@pytest.mark.fidelity
def test_a_prepared_statement_by_sql_stays_with_its_client(pair):
    one, other, _ = pair
    one.ask("prepare s as select 'one'")
    other.ask("prepare s as select 'other'")
    for _ in range(3):
        assert one.value("execute s") == "one"
        assert other.value("execute s") == "other"


@pytest.mark.fidelity
def test_prepared_statements_of_one_name_do_not_mix(pair):
    one, other, _ = pair
    for conn, word in ((one, "one"), (other, "other")):
        conn.send(wire.parse(f"select '{word}'", "same"), wire.sync())
        assert conn.types_until() == "1Z"
    for _ in range(3):
        for conn, word in ((one, "one"), (other, "other")):
            conn.send(wire.bind(statement="same"), wire.execute(),
                      wire.sync())
            rows = [f for f in conn.read_until("Z") if f.type == "D"]
            assert wire.row_of(rows[0].payload) == [word]


@pytest.mark.fidelity
def test_a_listener_hears_only_what_it_listens_to(pair):
    one, other, _ = pair
    one.ask("listen mine")
    other.ask("notify mine, 'x'")
    one.send(wire.query("select 1"))
    frames = one.read_until("Z")
    while not any(f.type == "A" for f in frames):
        frames.append(one.read_frame())
    other.ask("select 1")
    other.assert_silent()


def test_a_pinned_client_keeps_its_server_until_it_leaves(pair, cluster):
    one, other, proxy = pair
    one.ask("create temp table pinned (i int)")
    pid = backend(one)
    for _ in range(5):
        assert backend(one) == pid
        assert backend(other) != pid
    one.close()
    wait_until(lambda: not cluster.primary.backends(f"pid = {pid}"), 5,
               "its server was closed")
    for _ in range(5):
        assert backend(other) != pid


def test_a_client_free_of_effects_is_not_pinned(pair):
    """Two clients, one server: only possible when it is given back."""
    _, _, proxy = pair
    with proxy.login() as one, proxy.login() as other:
        seen = set()
        for _ in range(5):
            seen.add(backend(one))
            seen.add(backend(other))
        assert len(seen) == 1


def test_pinned_clients_count_against_the_pool(pgweir):
    proxy = pgweir(default_pool_size=2, query_wait_timeout=0.5)
    with proxy.login() as one, proxy.login() as two, \
            proxy.login() as three:
        for conn in (one, two):
            conn.ask("create temp table t (i int)")
        with pytest.raises((wire.WireError, wire.Closed)):
            three.ask("select 1 for update")


def test_a_server_left_in_a_transaction_is_not_handed_on(pgweir):
    proxy = pgweir(default_pool_size=1)
    for how in ("begin", "begin; select 1/0", "begin; lock table pg_class"):
        conn = proxy.login()
        try:
            conn.ask(how)
        except wire.WireError:
            pass
        conn.close()
        with proxy.login() as next_one:
            next_one.send(wire.query("select 1 for update"))
            assert next_one.read_until("Z")[-1].payload == b"I"


def test_session_mode_starts_every_client_afresh(pgweir):
    proxy = pgweir(pool_mode="session", default_pool_size=2)
    with proxy.login() as conn:
        conn.ask("set work_mem = '7MB'")
        first = backend(conn)
        assert backend(conn) == first
    with proxy.login() as conn:
        assert conn.value("show work_mem") == "4MB"
        assert backend(conn) == first


@pytest.mark.parametrize("statements", [0, 200])
def test_a_neighbours_unnamed_statement_is_not_there(pgweir, statements):
    """Also where statements are not followed."""
    proxy = pgweir(default_pool_size=1, max_prepared_statements=statements)
    with proxy.login(database="primary") as one, \
            proxy.login(database="primary") as other:
        one.send(wire.parse("select 'secret'"), wire.bind(), wire.execute(),
                 wire.sync())
        assert one.types_until() == "12DCZ"
        other.send(wire.bind(), wire.execute(), wire.sync())
        assert other.types_until() == "EZ"


def test_a_batch_answered_on_the_way_keeps_no_server(pgweir):
    """Nor does the beginning of a message that follows it."""
    proxy = pgweir(default_pool_size=1)
    with proxy.login(database="primary") as one, \
            proxy.login(database="primary") as other:
        one.send(wire.parse("select 1", "s"), wire.sync())
        assert one.types_until() == "1Z"
        one.send(wire.close("S", "s"), wire.sync(), b"Q")
        assert one.types_until() == "3Z"
        assert other.value("select 2") == "2"


# A batch that fails before its Parse leaves the unnamed statement there was.
# Each is (what is sent, what is waited for).
SECRET = wire.parse("set my.secret = 'mine'") + wire.sync()
FAILING, SKIPPED = wire.bind(statement="nosuch"), wire.parse("select 1")
OLDER = wire.bind() + wire.execute() + wire.sync()


@pytest.mark.parametrize("statements", [0, 200])
@pytest.mark.parametrize("writes", [
    [(SECRET, "Z"), (FAILING + SKIPPED + wire.sync() + OLDER, "ZZ")],
    [(SECRET, "Z"), (FAILING + SKIPPED + wire.bind() + wire.sync(), "Z"),
     (OLDER, "Z")],
    [(SECRET + FAILING + SKIPPED, "Z"), (wire.sync() + OLDER, "ZZ")],
    [(SECRET, "Z"), (FAILING + wire.flush(), "E"),
     (SKIPPED + wire.sync(), "Z"), (OLDER, "Z")]],
    ids=["pipelined", "bound in vain", "at once", "after the error"])
def test_an_older_unnamed_statement_leaves_nothing(pgweir, statements, writes):
    proxy = pgweir(default_pool_size=2, max_prepared_statements=statements)
    with proxy.login(database="primary") as one, \
            proxy.login(database="primary") as other:
        for data, wanted in writes:
            one.send(data)
            last = [one.types_until(kind) for kind in wanted][-1]
        assert last == "2CZ"
        assert one.value("show my.secret") == "mine"
        ask = "select current_setting('my.secret', true)"
        assert not other.value(ask)
        with proxy.login(database="primary") as fresh:
            assert not fresh.value(ask)


def on_replica(conn):
    return conn.value(f"select {WHO}").startswith("replica")


def reads_as(name, number=1):
    return (wire.parse(f"select {number} as " + "x" * 900, name)
            + wire.bind((), name) + wire.execute())


@pytest.mark.parametrize("name", ["é", "s" * 300, '"', "pgweir_1"])
def test_a_read_by_any_name_is_answered(pgweir, name):
    proxy = pgweir(default_pool_size=2)
    with proxy.login() as one, proxy.login() as other:
        wait_until(lambda: on_replica(one), 10, "a read on a replica")
        one.send(reads_as(name), wire.sync())
        assert one.types_until() == "12DCZ"
        one.send(wire.bind((), name), wire.execute(), wire.sync())
        assert one.types_until() == "2DCZ"
        other.send(wire.bind((), name), wire.execute(), wire.sync())
        assert other.types_until() == "EZ"


def test_more_statements_than_there_is_room_for_are_answered(pgweir):
    """By a server that the client keeps then; a replica cannot be kept."""
    proxy = pgweir(default_pool_size=2, max_client_statement_bytes=65536)
    with proxy.login() as one, proxy.login() as two:
        wait_until(lambda: on_replica(one) and on_replica(two), 10,
                   "reads on replicas")
        for i in range(90):
            one.send(reads_as(f"s{i}", i), wire.sync())
            assert one.types_until() == "12DCZ"
        two.send(*(reads_as(f"s{i}", i) for i in range(60)), wire.sync(),
                 *(reads_as(f"t{i}", i) for i in range(60)), wire.sync())
        assert two.types_until() == "12DC" * 60 + "Z"
        assert two.types_until() == "12DC" * 60 + "Z"
        assert not on_replica(one) and not on_replica(two)


def test_what_was_begun_before_session_mode_is_followed(pgweir):
    proxy = pgweir(default_pool_size=1)
    with proxy.login(database="primary") as one:
        one.ask("begin")
        proxy.write_config(pool_mode="session")
        proxy.console("reload")
        one.ask("set my.secret = 'mine'")
        one.ask("commit")
        with proxy.login(database="primary") as other:
            assert not other.value("select current_setting('my.secret', true)")


SET_BY_VALUE = wire.parse("select set_config('my.secret', $1, false)", "s")


@pytest.mark.parametrize("writes", [
    [wire.query("begin"), wire.bind(["mine"], "s"), wire.execute()[:5],
     wire.execute()[5:] + wire.sync(), wire.query("commit")],
    [wire.query("begin"), wire.bind(["mine" * 20000], "s") + wire.execute()
     + wire.sync(), wire.query("commit")],
    [wire.bind(["mine" * 20000], "s") + wire.execute() + wire.sync()],
    [wire.bind(["mine" * 20000], "s")[:66000],
     wire.bind(["mine" * 20000], "s")[66000:] + wire.execute() + wire.sync()]],
    ids=["an Execute in two parts", "a long value in a transaction",
         "a long value", "a long value in two parts"])
def test_a_set_that_comes_in_parts_stays_with_its_client(pgweir, writes):
    proxy = pgweir(default_pool_size=2)
    with proxy.login(database="primary") as one:
        one.send(SET_BY_VALUE, wire.sync())
        assert one.types_until() == "1Z"
        for data in writes:
            one.send(data)
            # Whatever is in there is taken before the next part comes.
            proxy.console("show version")
        for _ in range(sum(data.count(wire.sync()) + data.startswith(b"Q")
                           for data in writes)):
            assert one.types_until() in ("CZ", "2DCZ")
        assert one.value("show my.secret").startswith("mine")
        with proxy.login(database="primary") as other:
            assert not other.value("select current_setting('my.secret', true)")
