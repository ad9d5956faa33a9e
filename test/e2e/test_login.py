"""Logging in: who may, what is said to who may not, what the welcome holds."""
import struct

import psycopg
import pytest

import wire
from cluster import password_of
from conftest import Factory
from procs import wait_until


def refusal(proxy, **how):
    """The error a login ends with."""
    with pytest.raises(wire.WireError) as caught:
        proxy.login(**how).close()
    return caught.value


@pytest.fixture(scope="module")
def plain_proxy(request, cluster):
    factory = Factory(request, cluster)
    yield factory(auth_type="plain")
    factory.end()


@pytest.fixture(scope="module")
def md5_proxy(request, cluster):
    factory = Factory(request, cluster)
    yield factory(auth_type="md5")
    factory.end()


# ---- who may come in --------------------------------------------------------
def test_trust_asks_no_password(proxy):
    with proxy.wire() as conn:
        conn.login(user="app", database="app", password=None)
        assert conn.value("select 41 + 1") == "42"


def test_plain_accepts_the_password_of_the_auth_file(pgweir):
    proxy = pgweir(auth_type="plain")
    with proxy.connect(password="app-secret") as conn:
        assert conn.execute("select current_user").fetchone() == ("app",)


def test_plain_refuses_a_wrong_password(pgweir):
    proxy = pgweir(auth_type="plain")
    with proxy.wire() as conn:
        with pytest.raises(wire.WireError) as caught:
            conn.login(user="app", database="app", password="wrong")
        conn.assert_closed()
    assert caught.value.severity == "FATAL"
    assert caught.value.sqlstate == "28P01"
    assert "password authentication failed" in caught.value.message


def test_plain_refuses_an_empty_password(pgweir):
    proxy = pgweir(auth_type="plain")
    with proxy.wire() as conn, pytest.raises(wire.WireError) as caught:
        conn.login(user="app", database="app", password="")
    assert caught.value.sqlstate == "28P01"
    assert caught.value.message == "empty password returned by client"


def test_plain_treats_an_unknown_user_as_a_wrong_password(pgweir):
    """So that nobody can find out which users there are."""
    proxy = pgweir(auth_type="plain")
    with proxy.wire() as conn, pytest.raises(wire.WireError) as caught:
        conn.login(user="nobody", database="app", password="x")
    assert caught.value.severity == "FATAL"
    assert caught.value.sqlstate in ("28P01", "28000")


BROKEN_ANSWERS = [
    ("no terminator", wire.frame("p", b"app-secret"),
     "invalid password packet size"),
    ("two strings", wire.frame("p", b"app-secret\0x\0"),
     "invalid password packet size"),
    ("nothing", wire.frame("p"), "invalid password packet size"),
    ("length 3", b"p\0\0\0\3", "invalid message length"),
    ("length -1", b"p\xff\xff\xff\xff", "invalid message length"),
    ("2 GB", b"p\x7f\xff\xff\xff", "invalid message length"),
    ("1 MB", wire.frame("p", b"x" * (1 << 20) + b"\0"),
     "invalid message length"),
    ("a query", wire.query("select 1"), "expected password response"),
    ("a Terminate", wire.terminate(), "expected password response"),
    ("another startup", wire.startup({"user": "app"}),
     "expected password response"),
]


@pytest.mark.parametrize("user", ["app", "nobody"])
@pytest.mark.parametrize("auth_type", ["plain", "md5"])
@pytest.mark.parametrize("what, sent, phrase", BROKEN_ANSWERS,
                         ids=[row[0] for row in BROKEN_ANSWERS])
def test_an_answer_that_is_no_password_is_a_protocol_error(
        request, user, auth_type, what, sent, phrase):
    proxy = request.getfixturevalue(f"{auth_type}_proxy")
    with proxy.wire() as conn:
        conn.send(wire.startup({"user": user, "database": "app"}))
        assert conn.read_frame().type == "R"
        try:
            conn.send(sent)
        except (ConnectionResetError, BrokenPipeError):
            pass  # it has seen enough
        got = conn.read_frame()
        conn.assert_closed()
    error = wire.WireError(wire.fields_of(got.payload))
    assert got.type == "E" and error.severity == "FATAL"
    assert error.sqlstate == "08P01"
    assert phrase in error.message


def test_trust_refuses_a_user_it_does_not_know(proxy):
    error = refusal(proxy, user="nobody", database="app")
    assert error.severity == "FATAL"
    assert error.sqlstate in ("28P01", "28000")
    assert '"trust" authentication failed' in error.message \
        or "no such user" in error.message


def test_any_lets_everyone_in_as_the_user_of_the_database(pgweir, cluster):
    primary = cluster.primary
    proxy = pgweir(auth_type="any", databases={
        "app": f"host={primary.host} port={primary.port} user=alice"})
    with proxy.wire() as conn:
        conn.login(user="somebody", database="app")
        assert conn.value("select current_user") == "alice"


def test_an_unknown_database_is_refused_by_name(proxy):
    error = refusal(proxy, database="nowhere")
    assert error.severity == "FATAL"
    assert error.sqlstate in ("3D000", "08P01")
    assert "no such database: nowhere" in error.message


def test_a_database_missing_in_postgresql_is_refused_in_its_words(
        pgweir, cluster):
    primary = cluster.primary
    proxy = pgweir(databases={
        "gone": f"host={primary.host} port={primary.port} dbname=gone"})
    error = refusal(proxy, database="gone")
    assert 'database "gone" does not exist' in error.message
    assert error.sqlstate == "3D000"


def test_the_star_entry_serves_any_database(pgweir, cluster):
    primary = cluster.primary
    proxy = pgweir(databases={
        "*": f"host={primary.host} port={primary.port}"})
    for name in ("app", "other"):
        with proxy.connect(name) as conn:
            assert conn.execute("select current_database()").fetchone() == (
                name,)


def test_too_many_clients_are_refused_and_room_is_noticed(pgweir):
    proxy = pgweir(max_client_conn=3)
    held = [proxy.login() for _ in range(3)]
    error = refusal(proxy)
    assert error.severity == "FATAL"
    assert error.sqlstate == "53300"
    assert "max_client_conn" in error.message
    held.pop().close()

    def succeeds():
        try:
            held.append(proxy.login())
            return True
        except wire.WireError:
            return False

    wait_until(succeeds, 5, "a place freed is a place to take")
    for conn in held:
        conn.close()


@pytest.mark.parametrize("user", ["plain", "hashed", "scram"])
def test_the_server_is_logged_in_to_by_password_md5_and_scram(proxy, user):
    with proxy.connect(user=user) as conn:
        assert conn.execute("select current_user").fetchone() == (user,)


@pytest.mark.parametrize("user", ["plain", "hashed", "scram"])
def test_a_databases_own_user_and_password_open_its_servers(
        pgweir, cluster, user):
    proxy = pgweir(databases={
        "app": f"{cluster.host_list()} dbname=app user={user}"
               f" password={password_of(user)}"}, secrets={user: "other"})
    with proxy.connect(user="alice") as conn:
        assert conn.execute("select current_user").fetchone() == (user,)


def test_a_wrong_server_password_is_reported_to_the_client(pgweir):
    proxy = pgweir(secrets={"scram": "not-the-password"})
    error = refusal(proxy, user="scram")
    assert error.severity == "FATAL"
    assert 'password authentication failed for user "scram"' in error.message


def test_the_unix_socket_is_served_too(proxy):
    with proxy.wire(unix=True) as conn:
        conn.login(user="app", database="app")
        assert conn.value("select 1") == "1"


def test_without_a_database_the_user_name_is_used(proxy):
    with proxy.wire() as conn:
        conn.login(user="app")
        assert conn.value("select current_database()") == "app"


# ---- the welcome ------------------------------------------------------------
@pytest.mark.fidelity
@pytest.mark.parametrize("name, sent, reported", [
    ("TimeZone", "europe/vienna", "Europe/Vienna"),
    ("DateStyle", "german", "German, DMY"),
    ("application_name", "the test", "the test"),
    ("client_encoding", "latin1", "LATIN1"),
    ("IntervalStyle", "iso_8601", "iso_8601"),
])
def test_startup_values_are_applied_and_reported_as_postgresql_spells_them(
        proxy, name, sent, reported):
    with proxy.login(**{name: sent}) as conn:
        assert conn.params[name] == reported
        assert conn.value(f"show {name}") == reported


@pytest.mark.fidelity
@pytest.mark.parametrize("name, value", [
    ("extra_float_digits", "2"), ("statement_timeout", "4321ms")])
def test_startup_values_that_are_not_reported_are_applied_too(
        proxy, name, value):
    with proxy.login(**{name: value}) as conn:
        assert conn.value(f"show {name}") == value


@pytest.mark.fidelity
def test_startup_options_are_applied(proxy):
    options = r"-c search_path=pg_catalog,public --work-mem=5MB" \
              r" -c application_name=with\ blank"
    with proxy.login(options=options) as conn:
        assert conn.value("show search_path") == "pg_catalog,public"
        assert conn.value("show work_mem") == "5MB"
        assert conn.value("show application_name") == "with blank"


@pytest.mark.fidelity
def test_a_bad_startup_value_is_refused_in_postgresqls_words(proxy):
    error = refusal(proxy, TimeZone="Nowhere/Land")
    assert error.severity == "FATAL"
    assert error.sqlstate == "22023"
    assert 'invalid value for parameter "TimeZone"' in error.message


@pytest.mark.fidelity
def test_startup_values_of_one_client_are_not_seen_by_another(proxy):
    with proxy.login(TimeZone="Europe/Vienna", DateStyle="German") as one, \
            proxy.login() as other:
        for _ in range(3):
            assert one.value("show TimeZone") == "Europe/Vienna"
            assert other.value("show TimeZone") == "UTC"
            assert one.value("select date '2024-02-01'") == "01.02.2024"
            assert other.value("select date '2024-02-01'") == "2024-02-01"


@pytest.mark.fidelity
def test_the_welcome_names_all_that_drivers_look_for(proxy):
    with proxy.login() as conn:
        for name in ("server_version", "server_encoding", "client_encoding",
                     "is_superuser", "session_authorization", "DateStyle",
                     "IntervalStyle", "TimeZone", "integer_datetimes",
                     "standard_conforming_strings", "application_name",
                     "default_transaction_read_only"):
            assert name in conn.params, name
        assert conn.params["session_authorization"] == "app"
        assert conn.params["is_superuser"] == "off"
        assert len(conn.key) >= 8


def test_in_hot_standby_is_never_on(proxy):
    for _ in range(4):
        with proxy.login() as conn:
            for _ in range(4):
                conn.ask("select 1")
            assert conn.params.get("in_hot_standby", "off") == "off"


def test_a_replication_connection_is_not_mistaken_for_a_session(proxy):
    """Whether it may be one is for the server to say: never a pooled one."""
    error = refusal(proxy, replication="database")
    assert error.severity == "FATAL"
    assert error.sqlstate == "42501"


# ---- the protocol's ugly corners --------------------------------------------
@pytest.mark.parametrize("code", [wire.SSL_REQUEST, wire.GSSENC_REQUEST])
def test_encryption_is_declined_and_the_login_goes_on(proxy, code):
    with proxy.wire() as conn:
        conn.send(wire.request(code))
        assert conn.read_exact(1) == b"N"
        conn.login(user="app", database="app")
        assert conn.value("select 1") == "1"


def test_both_encryptions_may_be_asked_for_one_after_the_other(proxy):
    with proxy.wire() as conn:
        for code in (wire.GSSENC_REQUEST, wire.SSL_REQUEST):
            conn.send(wire.request(code))
            assert conn.read_exact(1) == b"N"
        conn.login(user="app", database="app")


@pytest.mark.parametrize("minor", [3, 3999, 9999])
def test_a_newer_minor_protocol_is_negotiated_down(proxy, minor):
    with proxy.wire() as conn:
        conn.login(version=wire.PROTOCOL_3 + minor, user="app",
                   database="app")
        newest, count = struct.unpack_from("!II", conn.negotiated)
        assert newest == wire.PROTOCOL_3 + 2
        assert count == 0
        assert len(conn.key) == 24
        assert conn.value("select 1") == "1"


@pytest.mark.fidelity
def test_unknown_protocol_options_are_listed_back(proxy):
    with proxy.wire() as conn:
        conn.login(user="app", database="app",
                   **{"_pq_.first": "1", "_pq_.second": "x"})
        _, count = struct.unpack_from("!II", conn.negotiated)
        assert count == 2
        assert set(conn.negotiated[8:].split(b"\0")[:2]) == {
            b"_pq_.first", b"_pq_.second"}


@pytest.mark.fidelity
def test_a_login_byte_by_byte_works(proxy):
    with proxy.wire() as conn:
        conn.login(bytewise=True, user="app", database="app")
        assert conn.value("select 1") == "1"


@pytest.mark.fidelity
@pytest.mark.parametrize("packet", [
    struct.pack("!I", 0),
    struct.pack("!II", 7, wire.PROTOCOL_3),
    struct.pack("!II", 0x7fffffff, wire.PROTOCOL_3),
    struct.pack("!II", 8, 2 << 16),
    struct.pack("!II", 12, wire.PROTOCOL_3) + b"user",
    wire.startup({"database": "app"}),
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=["length 0", "length 7", "2 GB", "protocol 2", "not terminated",
        "no user", "HTTP"])
def test_a_malformed_startup_ends_only_that_connection(proxy, packet):
    with proxy.wire() as conn:
        conn.send(packet)
        conn.assert_closed()
    with proxy.login() as conn:
        assert conn.value("select 1") == "1"


def test_nothing_may_be_said_before_the_password(pgweir):
    """A query in the password's place is an error, not a query."""
    proxy = pgweir(auth_type="plain")
    with proxy.wire() as conn:
        conn.send(wire.startup({"user": "app", "database": "app"}))
        assert conn.read_frame().type == "R"
        conn.send(wire.query("select 1"))
        conn.assert_closed()


def test_a_client_that_never_logs_in_is_sent_away(pgweir):
    proxy = pgweir(client_login_timeout=0.5, tcp_defer_accept=0)
    with proxy.wire() as conn:
        conn.assert_closed()


@pytest.mark.fidelity
def test_psycopg_and_its_conninfo_see_an_ordinary_server(proxy):
    with proxy.connect(application_name="seen") as conn:
        assert conn.info.server_version >= 150000
        assert conn.info.parameter_status("application_name") == "seen"
        assert conn.info.transaction_status == \
            psycopg.pq.TransactionStatus.IDLE


# ---- after login ------------------------------------------------------------
def test_login_notify_message_is_a_notice_to_each_client(pgweir):
    proxy = pgweir(login_notify_message="Be kind: 'shared' server")
    for _ in range(2):
        with proxy.login() as conn:
            assert [(n["S"], n["M"]) for n in conn.notices] == [
                ("NOTICE", "Be kind: 'shared' server")]
            assert conn.value("select 1") == "1"
    proxy.console("SET login_notify_message = 'another'")
    with proxy.login() as conn:
        assert [n["M"] for n in conn.notices] == ["another"]
    proxy.console("SET login_notify_message = ''")
    with proxy.login() as conn:
        assert conn.notices == []


@pytest.mark.parametrize("sql", ["select 1", "begin read only",
                                 "begin; select 1", "update nothing"])
def test_disable_pqexec_refuses_the_simple_protocol(pgweir, sql):
    proxy = pgweir(disable_pqexec=1)
    with proxy.login() as conn:
        conn.send(wire.parse("begin"), wire.bind(), wire.execute(),
                  wire.sync())
        assert conn.types_until() == "12CZ"
        conn.send(wire.query(sql))
        assert conn.read_frame().type == "E"
        conn.assert_closed()
    with proxy.login() as conn:
        conn.send(wire.query(sql))
        fields = wire.fields_of(conn.read_frame().payload)
        assert (fields["S"], fields["M"]) == ("FATAL", "PQexec disallowed")
        conn.assert_closed()
    assert proxy.console("SHOW VERSION").rows
