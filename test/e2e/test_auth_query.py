"""Users whose secrets a database knows: auth_user, auth_query, auth_dbname."""
import contextlib
import os
import signal
import time

import psycopg
import pytest

import wire
from procs import free_port, wait_until, write_file

# What is called "the function": everybody's recommendation for auth_query, in
# the database "other".
FUNCTION = "select * from lookup.secret_of($1)"

SETUP = """
create role aq_asker login password 'aq_asker-secret';
set password_encryption = 'scram-sha-256';
create role aq_scram login password 'aq_scram-secret';
create role aq_empty login;
create role aq_late login password 'aq_late-secret' valid until '2020-01-01';
create role aq_away nologin password 'aq_away-secret';
set password_encryption = 'md5';
create role aq_md5 login password 'aq_md5-secret';
"""
FUNCTIONS = """
create schema lookup;
create function lookup.secret_of(name) returns table(name name, secret text)
    language sql security definer set search_path = pg_catalog, pg_temp
    as 'select rolname, rolpassword from pg_authid where rolname = $1';
revoke all on function lookup.secret_of(name) from public;
grant usage on schema lookup to aq_asker;
grant execute on function lookup.secret_of(name) to aq_asker;
"""
ROLES = ("aq_asker", "aq_scram", "aq_empty", "aq_late", "aq_away", "aq_md5")


@pytest.fixture(scope="module", autouse=True)
def users(cluster):
    with cluster.primary.connect() as conn:
        conn.execute(SETUP)
    with cluster.primary.connect(dbname="other") as conn:
        conn.execute(FUNCTIONS)
    cluster.catch_up()
    yield
    with cluster.primary.connect(dbname="other") as conn:
        conn.execute("drop schema lookup cascade")
    with cluster.primary.connect() as conn:
        for role in ROLES:
            conn.execute(f"drop role if exists {role}")


@pytest.fixture
def asks(pgweir):
    """A pgweir that asks as the superuser, in the database the client wants,
    and checks passwords in clear."""
    def start(**settings):
        return pgweir(**{"auth_type": "plain", "auth_user": "direct",
                         "admin_users": "admin,aq_scram", **settings})
    return start


@pytest.fixture
def role(cluster):
    """Makes a role for this test alone; a function with its password."""
    made = []

    def make(name, password):
        with cluster.primary.connect() as conn:
            conn.execute(f"set password_encryption = 'scram-sha-256';"
                         f"create role {name} login password '{password}'")
        made.append(name)

    yield make
    with cluster.primary.connect() as conn:
        for name in made:
            conn.execute(f"drop role if exists {name}")


def log_in(proxy, user, password=None, database="app", **params):
    """Who the server says one is."""
    password = f"{user}-secret" if password is None else password
    with proxy.wire() as conn:
        conn.login(user=user, database=database, password=password, **params)
        return conn.value("select current_user")


def refusal(proxy, user, password=None, database="app", **params):
    with pytest.raises(wire.WireError) as caught:
        log_in(proxy, user, password, database, **params)
    assert caught.value.severity == "FATAL"
    return caught.value


class Waiting:
    """A login under way: its startup message is sent."""

    def __init__(self, proxy, user, password=None, database="app"):
        self.conn = proxy.wire(deadline=20)
        self.user = user
        self.password = f"{user}-secret" if password is None else password
        self.conn.send(wire.startup({"user": user, "database": database}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

    def request(self):
        """The first message that comes."""
        return self.conn.read_frame()

    def finish(self):
        """Goes on until the session is there."""
        frame = self.request()
        if frame.type == "E":
            raise wire.WireError(wire.fields_of(frame.payload))
        assert frame.type == "R" and frame.payload == b"\0\0\0\3", frame
        self.conn.send(wire.frame("p", wire.text(self.password)))
        while frame.type != "Z":
            frame = self.request()
            if frame.type == "E":
                raise wire.WireError(wire.fields_of(frame.payload))


def questions(cluster, mark, text):
    """How often TEXT was asked since MARK."""
    return sum(node.log(mark[node.name]).count("execute <unnamed>: " + text)
               for node in cluster.nodes)


def asking(node):
    """The connections that ask: (pid, state, query)."""
    with node.connect() as conn:
        return conn.execute(
            "select pid, state, query from pg_stat_activity"
            " where application_name = 'pgweir auth_query'").fetchall()


# ---- whose secrets are found ------------------------------------------------
@pytest.mark.parametrize("user", ["aq_scram", "aq_md5"])
def test_a_user_missing_from_auth_file_comes_in(asks, user):
    proxy = asks()
    assert log_in(proxy, user) == user
    error = refusal(proxy, user, "wrong")
    assert error.sqlstate == "28P01"
    assert "password authentication failed" in error.message


def test_the_recommended_function_works_from_another_database(asks):
    proxy = asks(auth_user="aq_asker", auth_query=FUNCTION,
                 auth_dbname="other", secrets={"aq_asker": "aq_asker-secret"})
    assert log_in(proxy, "aq_scram") == "aq_scram"
    assert log_in(proxy, "aq_md5", database="primary") == "aq_md5"


@pytest.mark.parametrize("host", ["localhost", "socket", "abstract"])
def test_the_host_may_be_a_name_or_a_socket(asks, cluster, host):
    host = {"localhost": host, "socket": cluster.base,
            "abstract": "@" + cluster.base}[host]
    proxy = asks(databases={
        "app": f"host={host} port={cluster.primary.port} dbname=app"})
    assert log_in(proxy, "aq_scram") == "aq_scram"


def test_the_password_of_auth_user_may_be_in_a_passfile(asks, cluster):
    proxy = asks(auth_user="plain", start=False, auth_dbname="other",
                 auth_query="select 'aq_scram', 'passed' where $1 <> ''")
    write_file(proxy.settings["auth_file"],
               '"admin" "admin-secret"\n"monitor" "monitor-secret"\n', 0o600)
    passfile = os.path.join(proxy.dir, "pass")
    write_file(passfile, "*:*:*:plain:plain-secret\n", 0o600)
    proxy.settings["monitor_passfile"] = passfile
    proxy.start()
    assert log_in(proxy, "aq_scram", "passed") == "aq_scram"


def test_a_database_asks_in_its_own_way(asks, cluster):
    where = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    proxy = asks(auth_user="", databases={
        "asks": f"{where} auth_user=aq_asker auth_dbname=other"
                " auth_query='select * from lookup.secret_of($1)'",
        "other": f"host=127.0.0.1 port={cluster.primary.port}",
        "does_not": where})
    assert log_in(proxy, "aq_scram", database="asks") == "aq_scram"
    error = refusal(proxy, "aq_scram", database="does_not")
    assert error.sqlstate == "28P01"


def test_a_database_need_not_ask_where_all_others_do(asks, cluster):
    where = f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
    proxy = asks(databases={"app": where, "quiet": where + " auth_user=''"})
    assert log_in(proxy, "aq_scram") == "aq_scram"
    assert refusal(proxy, "aq_scram", database="quiet").sqlstate == "28P01"


def test_who_is_in_auth_file_is_not_asked_for(asks, cluster):
    proxy = asks(secrets={"aq_scram": "another-secret"})
    mark = cluster.mark()
    assert log_in(proxy, "aq_scram", "another-secret") == "aq_scram"
    assert refusal(proxy, "aq_scram").sqlstate == "28P01"
    assert questions(cluster, mark, "SELECT rolname") == 0


@pytest.mark.parametrize("user", ["aq_nobody", "aq_empty", "aq_late",
                                  "aq_away", "aq_scram"])
def test_unknown_users_and_wrong_passwords_look_alike(asks, user):
    proxy = asks()
    error = refusal(proxy, user, "wrong")
    assert error.sqlstate == "28P01"
    assert "password authentication failed" in error.message
    with Waiting(proxy, user) as waiting:
        assert waiting.request().payload == b"\0\0\0\3"


def test_names_that_are_no_text_are_unknown(asks):
    proxy = asks()
    for name in (b"\xff\xfe", b"a'b\"c$1--", b"x" * 3000):
        with proxy.wire() as conn:
            conn.send(wire.startup({"user": name, "database": "app"}))
            frame = conn.read_frame()
            assert (frame.type, frame.payload) == ("R", b"\0\0\0\3")
    assert log_in(proxy, "aq_scram") == "aq_scram"


def test_trust_wants_a_user_that_exists(asks):
    proxy = asks(auth_type="trust")
    assert log_in(proxy, "aq_empty") == "aq_empty"
    assert "authentication failed" in refusal(proxy, "aq_nobody").message


def test_a_forced_user_serves_who_is_looked_up(asks, cluster):
    proxy = asks(databases={
        "app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app"
               " user=alice"})
    assert log_in(proxy, "aq_scram") == "alice"


def test_the_name_that_is_returned_is_the_role_on_servers(asks):
    proxy = asks(auth_query="select rolname, rolpassword from pg_authid"
                            " where rolname = lower($1)")
    assert log_in(proxy, "AQ_Scram", "aq_scram-secret") == "aq_scram"


@pytest.mark.parametrize("method, user", [
    ("plain", "hashed"), ("md5", "hashed"), ("md5", "scram"),
    ("scram-sha-256", "scram")])
def test_servers_are_logged_in_to_with_the_secret_that_was_found(
        asks, cluster, method, user):
    proxy = asks(auth_type=method, start=False)
    write_file(proxy.settings["auth_file"],
               '"admin" "admin-secret"\n"monitor" "monitor-secret"\n', 0o600)
    proxy.start()
    # pg_hba.conf wants md5 or SCRAM of this role; only a hash is known.
    with proxy.connect(user=user) as conn:
        assert conn.execute("select current_user").fetchone() == (user,)
    if user == "hashed":
        return
    with cluster.primary.connect() as conn:
        conn.execute("set password_encryption = 'scram-sha-256'")
        conn.execute("alter role scram password 'new'")
    try:
        cluster.catch_up()
        wait_until(lambda: can_connect(proxy, user, "new"), 10,
                   "the new secret is found")
        proxy.console("RECONNECT")
        with proxy.connect(user=user, password="new") as conn:
            assert conn.execute("select current_user").fetchone() == (user,)
    finally:
        with cluster.primary.connect() as conn:
            conn.execute("set password_encryption = 'scram-sha-256'")
            conn.execute("alter role scram password 'scram-secret'")
        cluster.catch_up()


def can_connect(proxy, user, password):
    try:
        proxy.connect(user=user, password=password).close()
        return True
    except psycopg.OperationalError as error:
        assert "password authentication failed" in str(error)
        return False


def test_the_primary_is_asked(asks, cluster):
    proxy = asks()
    mark = cluster.mark()
    assert log_in(proxy, "aq_scram") == "aq_scram"
    assert cluster.logged_since(mark, "execute <unnamed>: SELECT rolname") \
        == ["primary"]


# ---- ways to show a password ------------------------------------------------
@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
@pytest.mark.parametrize("user", ["aq_scram", "aq_md5"])
def test_every_method_works_with_the_secrets_that_fit_it(asks, method, user):
    proxy = asks(auth_type=method)
    fits = (method, user) != ("scram-sha-256", "aq_md5")

    def comes_in(password):
        try:
            with proxy.connect(user=user, password=password) as conn:
                return conn.execute("select current_user").fetchone()[0] \
                    == user
        except psycopg.OperationalError as error:
            assert "password authentication failed" in str(error)
            return False

    assert comes_in(f"{user}-secret") == fits
    assert not comes_in("wrong")
    assert comes_in(f"{user}-secret") == fits


def request_of(proxy, user):
    """What USER is asked for: 5 is md5, 10 is SASL."""
    with Waiting(proxy, user) as waiting:
        return waiting.request().payload[3]


def test_who_is_unknown_is_asked_as_those_who_are_known(asks):
    proxy = asks(auth_type="md5")
    assert request_of(proxy, "aq_nobody") == 10
    assert request_of(proxy, "aq_md5") == 5
    # Nobody else has been looked up so far.
    assert {request_of(proxy, f"aq_nobody{i}") for i in range(10)} == {5}


# ---- nobody else has a say --------------------------------------------------
@pytest.fixture
def hostile(cluster):
    """A schema that knows a password of its own for everybody."""
    with cluster.primary.connect() as conn:
        conn.execute("""
            create schema hostile;
            create table hostile.pg_authid as select rolname,
                'mine'::text as rolpassword, true as rolcanlogin,
                null::timestamptz as rolvaliduntil from pg_authid;
            create view hostile.pg_shadow as select rolname as usename,
                'mine'::text as passwd from hostile.pg_authid;
            grant usage on schema hostile to public;
            grant select on all tables in schema hostile to public;
        """)
    yield "hostile"
    with cluster.primary.connect() as conn:
        conn.execute("alter database app reset search_path;"
                     "drop schema hostile cascade")


QUERIES = (None, "select usename, passwd from pg_shadow where usename = $1")


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("how", [
    {"search_path": "hostile"}, {"search_path": "hostile,pg_catalog"},
    {"options": "-c search_path=hostile,pg_catalog"}])
def test_what_the_client_brings_along_counts_for_nothing(
        asks, hostile, query, how):
    proxy = asks(auth_query=query)
    for _ in range(2):
        assert refusal(proxy, "aq_scram", "mine", **how).sqlstate == "28P01"
        assert log_in(proxy, "aq_scram", **how) == "aq_scram"


@pytest.mark.parametrize("query", QUERIES)
def test_what_an_owner_sets_for_a_database_counts_for_nothing(
        asks, hostile, query, cluster):
    with cluster.primary.connect() as conn:
        conn.execute(
            "alter database app set search_path = hostile, pg_catalog")
    proxy = asks(auth_query=query)
    assert refusal(proxy, "aq_scram", "mine").sqlstate == "28P01"
    assert log_in(proxy, "aq_scram") == "aq_scram"


# ---- what changes -----------------------------------------------------------
@pytest.mark.parametrize("method", ["plain", "scram-sha-256"])
def test_a_changed_password_is_noticed(asks, role, cluster, method):
    proxy = asks(auth_type=method, auth_cache_time=3600)
    role("aq_changes", "old")
    assert can_connect(proxy, "aq_changes", "old")
    with cluster.primary.connect() as conn:
        conn.execute("alter role aq_changes password 'new'")
    wait_until(lambda: can_connect(proxy, "aq_changes", "new"), 10,
               "the new password is asked for")
    assert not can_connect(proxy, "aq_changes", "old")


@pytest.mark.parametrize("method", ["plain", "md5"])
def test_a_changed_password_is_noticed_at_once_where_it_can_be(
        asks, cluster, method):
    proxy = asks(auth_type=method, auth_cache_time=3600)
    with proxy.connect(user="aq_md5", password="aq_md5-secret"):
        pass
    asked = time.monotonic()
    with cluster.primary.connect() as conn:
        conn.execute("set password_encryption = 'md5'")
        conn.execute("alter role aq_md5 password 'new'")
    try:
        wait_until(lambda: time.monotonic() > asked + 1.1, 10, "a second")
        with proxy.connect(user="aq_md5", password="new") as conn:
            assert conn.execute("select 1").fetchone() == (1,)
        for password in ("aq_md5-secret", "wrong"):
            with pytest.raises(psycopg.OperationalError):
                proxy.connect(user="aq_md5", password=password)
    finally:
        with cluster.primary.connect() as conn:
            conn.execute("set password_encryption = 'md5'")
            conn.execute("alter role aq_md5 password 'aq_md5-secret'")


def test_a_secret_that_was_shown_is_used_for_its_time(asks, cluster):
    proxy = asks(auth_cache_time=3600)
    mark = cluster.mark()
    assert log_in(proxy, "aq_scram") == "aq_scram"
    asked = time.monotonic()
    wait_until(lambda: time.monotonic() > asked + 1.1, 10, "a second")
    assert log_in(proxy, "aq_scram") == "aq_scram"
    assert questions(cluster, mark, "SELECT rolname") == 1


def test_clients_may_leave_while_another_secret_is_looked_for(asks, cluster):
    proxy = asks(auth_query=SLOW, auth_cache_time=3600)
    assert log_in(proxy, "aq_scram") == "aq_scram"
    asked = time.monotonic()
    wait_until(lambda: time.monotonic() > asked + 1.1, 10, "a second")
    with held(cluster):
        first, second = (Waiting(proxy, "aq_scram", "wrong")
                         for _ in range(2))
        for waiting in (first, second):
            assert waiting.request().payload == b"\0\0\0\3"
        first.conn.send(wire.frame("p", wire.text("wrong")))
        wait_for_question(cluster)
        first.conn.close()
    with second, pytest.raises(wire.WireError) as caught:
        second.conn.send(wire.frame("p", wire.text("wrong")))
        frame = second.request()
        raise wire.WireError(wire.fields_of(frame.payload))
    assert caught.value.sqlstate == "28P01"
    assert log_in(proxy, "aq_scram") == "aq_scram"


def test_wrong_passwords_do_not_make_questions(asks, cluster):
    proxy = asks(auth_cache_time=3600)
    mark = cluster.mark()
    for _ in range(50):
        assert refusal(proxy, "aq_scram", "wrong").sqlstate == "28P01"
    seconds = 50  # at most; each of them a second apart
    assert 1 <= questions(cluster, mark, "SELECT rolname") < seconds


def test_a_dropped_role_is_noticed(asks, role, cluster):
    proxy = asks(auth_cache_time="50ms")
    role("aq_goes", "secret")
    assert log_in(proxy, "aq_goes", "secret") == "aq_goes"
    proxy.console("RECONNECT")
    wait_until(lambda: not cluster.primary.backends("usename = 'aq_goes'"), 10,
               "its server connections are closed")
    with cluster.primary.connect() as conn:
        conn.execute("drop role aq_goes")

    def is_refused():
        # To come in is enough; no server would take it any more.
        with Waiting(proxy, "aq_goes", "secret") as waiting:
            try:
                waiting.finish()
            except wire.WireError as error:
                return "password authentication failed" in error.message
        return False

    wait_until(is_refused, 10, "nobody knows it any more")


def test_a_created_role_is_noticed(asks, role):
    proxy = asks(auth_cache_time=3600)
    assert refusal(proxy, "aq_comes", "secret").sqlstate == "28P01"
    role("aq_comes", "secret")

    def comes_in():
        with contextlib.suppress(wire.WireError):
            return log_in(proxy, "aq_comes", "secret") == "aq_comes"
        return False

    wait_until(comes_in, 10, "it is asked for anew")


# ---- crowds -----------------------------------------------------------------
def test_five_hundred_clients_make_one_question(asks, cluster):
    query = "select rolname, rolpassword, pg_sleep(1) is null" \
            " from pg_authid where rolname = $1"
    query = f"select rolname, rolpassword from ({query}) as slow"
    proxy = asks(auth_query=query, max_client_conn=1000)
    mark = cluster.mark()
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(Waiting(proxy, "aq_scram"))
                 for _ in range(500)]
        for waiting in crowd:
            waiting.finish()
    assert questions(cluster, mark, query) == 1


def test_users_of_a_crowd_share_few_connections(asks, cluster, role):
    proxy = asks(max_client_conn=1000)
    names = [f"aq_crowd{i}" for i in range(40)]
    for name in names:
        role(name, f"{name}-secret")
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(Waiting(proxy, name)) for name in names]
        for waiting in crowd:
            assert waiting.request().payload == b"\0\0\0\3"
    assert 1 <= len(asking(cluster.primary)) <= 4


# ---- what goes wrong --------------------------------------------------------
def assert_config_error(error):
    assert error.message == "bouncer config error"
    assert error.fields["H"]


@pytest.mark.parametrize("query, log", [
    ("select * from nonesuch($1)", "function nonesuch(unknown) does not exist"),
    ("select usename from pg_user where usename = $1",
     "expected 2 columns from auth_query, not 1"),
    ("select usename, passwd, 3 from pg_shadow where usename = $1",
     "expected 2 columns from auth_query, not 3"),
    ("select rolname, rolpassword from pg_authid where $1 <> ''",
     "expected 1 row from auth_query, not"),
    ("select null::name, rolpassword from pg_authid where rolname = $1",
     "without the name of a role"),
    ("select rolname, 'SCRAM-SHA-512$4096:aa$bb:cc' from pg_authid"
     " where rolname = $1", "a secret of a kind that cannot be used"),
    ("select rolname, repeat('x', 70000) from pg_authid where rolname = $1",
     "longer than 65535"),
    ("select 1, 2", "auth_query needs one parameter"),
    ("select rolname, (1/0)::text from pg_authid where rolname = $1",
     "division by zero"),
])
def test_a_query_that_fails_is_explained_in_the_log(asks, query, log):
    proxy = asks(auth_query=query)
    error = refusal(proxy, "aq_scram")
    assert_config_error(error)
    line = next(line for line in proxy.log().splitlines() if log in line)
    assert "auth_query failed" in line and "auth_user=direct" in line
    # And no text of it reaches the client.
    assert log not in str(error.fields)


def test_the_rights_of_auth_user_are_explained(asks):
    proxy = asks(auth_user="aq_asker", secrets={"aq_asker": "x"})
    assert_config_error(refusal(proxy, "aq_scram"))
    assert "permission denied for table pg_authid" in proxy.log()
    assert "SECURITY DEFINER" in proxy.log()


@pytest.mark.parametrize("secret, log", [
    ("wrong", "Look at the password of auth_user"),
    ("md5cf3bb4e2a9ff6d15ff1e0c1f2c4e7f00", "in plain text"),
])
def test_a_login_of_auth_user_that_fails_is_explained(asks, secret, log):
    proxy = asks(auth_user="hashed", secrets={"hashed": secret})
    assert_config_error(refusal(proxy, "aq_scram"))
    line = next(line for line in proxy.log().splitlines()
                if "login for auth_query was refused" in line)
    assert log in line


def test_a_database_missing_in_postgresql_is_named(asks, cluster):
    proxy = asks(databases={
        "*": f"host=127.0.0.1 port={cluster.primary.port}"})
    error = refusal(proxy, "aq_scram", database="aq_gone")
    assert error.sqlstate == "3D000"
    assert 'database "aq_gone" does not exist' in error.message
    assert "Set auth_dbname" in proxy.log()


def test_a_host_that_is_not_found_is_not_waited_for_longer(asks):
    proxy = asks(server_unreachable_timeout=0, databases={
        "app": "host=nonesuch.invalid dbname=app"})
    assert "cannot be reached" in refusal(proxy, "aq_scram").message


@pytest.mark.parametrize("name, log", [
    ("nowhere", 'authentication database "nowhere" is not configured'),
    ("pgbouncer",
     'cannot use the reserved "pgbouncer" database as an auth_dbname')])
def test_an_authentication_database_must_be_configured(asks, name, log):
    proxy = asks(auth_dbname=name)
    assert_config_error(refusal(proxy, "aq_scram"))
    assert log in proxy.log()


def test_the_console_needs_an_authentication_database(asks):
    proxy = asks()
    assert_config_error(refusal(proxy, "aq_scram", database="pgbouncer"))
    assert 'cannot use the reserved "pgbouncer" database' in proxy.log()
    proxy.write_config(auth_dbname="app")
    proxy.console("RELOAD")
    with proxy.wire() as conn:
        conn.login(user="aq_scram", database="pgbouncer",
                   password="aq_scram-secret")
        assert conn.ask("SHOW VERSION").rows


def test_a_disabled_authentication_database_says_so(asks):
    proxy = asks(auth_dbname="other")
    proxy.console("DISABLE other")
    error = refusal(proxy, "aq_scram")
    assert error.message == 'authentication database "other" is disabled'
    proxy.console("ENABLE other")
    assert log_in(proxy, "aq_scram") == "aq_scram"


def test_an_authentication_database_that_is_down_is_waited_for(asks, cluster):
    replica = cluster.replicas[0]
    where = f"host=127.0.0.1 port={replica.port} dbname=app"
    proxy = asks(auth_dbname="auth", server_unreachable_timeout=1, databases={
        "app": f"host=127.0.0.1 port={cluster.primary.port} dbname=app",
        "auth": where})
    assert log_in(proxy, "aq_scram") == "aq_scram"
    replica.stop_fast()
    try:
        error = refusal(proxy, "aq_md5")
        assert error.sqlstate == "08001"
        assert 'database "auth" cannot be reached' in error.message
        assert "cannot connect for auth_query" in proxy.log()
        proxy.console("SET server_unreachable_timeout = 60")
        waiting = Waiting(proxy, "aq_md5")
    finally:
        replica.start()
    with waiting:
        waiting.finish()
    cluster.catch_up()


def test_nobody_waits_for_a_database_that_is_down_if_it_must_not(asks):
    proxy = asks(auth_dbname="auth", server_unreachable_timeout=0, databases={
        "auth": f"host=127.0.0.1 port={free_port()} dbname=app"})
    error = refusal(proxy, "aq_md5", database="auth")
    assert error.sqlstate == "08001"


def test_a_query_that_hangs_is_cancelled(asks, cluster):
    proxy = asks(auth_query="select rolname, pg_sleep(600)::text"
                            " from pg_authid where rolname = $1",
                 auth_query_timeout="200ms")
    assert_config_error(refusal(proxy, "aq_scram"))
    assert "canceling statement due to statement timeout" in proxy.log()
    assert "auth_query_timeout is its limit" in proxy.log()
    wait_until(lambda: all(state == "idle"
                           for _, state, _ in asking(cluster.primary)), 10,
               "the server does not go on with it")


def test_a_server_that_hangs_is_left(asks, cluster):
    proxy = asks(auth_query_timeout="1s", auth_cache_time=0)
    assert log_in(proxy, "aq_scram") == "aq_scram"
    (pid, _, _), = asking(cluster.primary)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert_config_error(refusal(proxy, "aq_scram"))
        assert "no answer in time" in proxy.log()
        assert log_in(proxy, "aq_scram") == "aq_scram"
    finally:
        os.kill(pid, signal.SIGCONT)


SLOW = ("select rolname, rolpassword from (select rolname, rolpassword,"
        " pg_advisory_xact_lock_shared(4711)::text from pg_authid"
        " where rolname = $1 offset 0) as slow")


@contextlib.contextmanager
def held(cluster):
    """While it lasts, SLOW is not answered."""
    with cluster.primary.connect() as conn:
        conn.execute("select pg_advisory_lock(4711)")
        yield conn


def wait_for_question(cluster):
    """Waits until SLOW is under way; the connection's process."""
    def find():
        found = [pid for pid, state, query in asking(cluster.primary)
                 if state == "active" and "4711" in query]
        return found[0] if found else None

    return wait_until(find, 10, "the question is asked")


def test_a_connection_killed_over_a_question_is_replaced(asks, cluster):
    proxy = asks(auth_query=SLOW)
    with held(cluster) as conn:
        waiting = Waiting(proxy, "aq_scram")
        first = wait_for_question(cluster)
        conn.execute("select pg_terminate_backend(%s)", (first,))
        wait_until(lambda: wait_for_question(cluster) != first, 10,
                   "it is asked again")
    with waiting:
        waiting.finish()


def test_a_reload_does_not_disturb_who_waits(asks, cluster):
    proxy = asks(auth_query=SLOW)
    with held(cluster):
        waiting = Waiting(proxy, "aq_scram")
        wait_for_question(cluster)
        proxy.write_config(auth_query="select 'aq_scram', 'another'::text"
                                      " where $1 = 'aq_scram'")
        proxy.console("RELOAD")
        assert log_in(proxy, "aq_scram", "another") == "aq_scram"
    with waiting:
        waiting.finish()
    assert refusal(proxy, "aq_scram").sqlstate == "28P01"


def test_a_pause_of_the_authentication_database_is_waited_for(asks, cluster):
    proxy = asks(auth_dbname="other")
    proxy.console("PAUSE other")
    with Waiting(proxy, "aq_scram") as waiting:
        wait_until(lambda: login_clients(proxy) == 1, 10, "it waits")
        assert not asking(cluster.primary)
        proxy.console("RESUME other")
        waiting.finish()


def test_a_killed_authentication_database_is_waited_for(asks, cluster):
    proxy = asks(auth_dbname="other")
    assert log_in(proxy, "aq_md5") == "aq_md5"
    proxy.console("KILL other")
    wait_until(lambda: not asking(cluster.primary), 10, "nobody is connected")
    with Waiting(proxy, "aq_scram") as waiting:
        wait_until(lambda: login_clients(proxy) == 1, 10, "it waits")
        proxy.console("RESUME other")
        waiting.finish()


def test_a_suspension_does_not_lose_who_waits(asks, cluster):
    proxy = asks(auth_query=SLOW)
    with proxy.login("pgbouncer", "admin") as console:
        with held(cluster):
            waiting = Waiting(proxy, "aq_scram")
            wait_for_question(cluster)
            console.ask("SUSPEND")
        wait_until(lambda: asking(cluster.primary)[0][1] == "idle", 10,
                   "the question is answered")
        console.ask("RESUME")
        with waiting:
            waiting.finish()


def login_clients(proxy):
    return int(next(row["items"] for row in proxy.show("LISTS")
                    if row["list"] == "login_clients"))


def test_clients_that_leave_cost_nothing(asks, cluster):
    proxy = asks(auth_query=SLOW)
    with held(cluster):
        crowd = [Waiting(proxy, "aq_scram") for _ in range(20)]
        wait_for_question(cluster)
        for waiting in crowd[1:]:
            waiting.conn.close()
        wait_until(lambda: login_clients(proxy) == 1, 10, "they are gone")
    with crowd[0]:
        crowd[0].finish()


def test_the_login_timeout_ends_the_wait(asks, cluster):
    proxy = asks(auth_query=SLOW, client_login_timeout="500ms")
    with held(cluster), Waiting(proxy, "aq_scram") as waiting:
        with pytest.raises(wire.WireError) as caught:
            waiting.finish()
        assert "client_login_timeout" in caught.value.message


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT])
def test_the_program_ends_while_somebody_waits(asks, cluster, number):
    proxy = asks(auth_query=SLOW)
    with held(cluster), Waiting(proxy, "aq_scram") as waiting:
        wait_for_question(cluster)
        proxy.signal(number)
        proxy.wait_exit()
        with contextlib.suppress(wire.Closed, wire.WireError, OSError):
            waiting.request()


def test_a_database_removed_while_somebody_waits_is_gone(asks, cluster):
    proxy = asks(auth_query=SLOW, auth_dbname="app")
    with held(cluster):
        waiting = Waiting(proxy, "aq_scram", database="primary")
        wait_for_question(cluster)
        del proxy.databases["primary"]
        proxy.write_config()
        proxy.console("RELOAD")
    with waiting, pytest.raises(wire.WireError) as caught:
        waiting.finish()
    assert "primary" in caught.value.message \
        or "database removed" in caught.value.message


def test_logins_do_not_disturb_those_who_work(asks, cluster):
    """Nothing blocks while the authentication database is silent."""
    proxy = asks(auth_query=SLOW)
    with held(cluster):
        waiting = Waiting(proxy, "aq_scram")
        wait_for_question(cluster)
        with proxy.connect(user="app") as conn:
            for _ in range(20):
                assert conn.execute("select 1").fetchone() == (1,)
    with waiting:
        waiting.finish()


def test_secrets_stand_in_no_log(asks):
    proxy = asks(verbose=3, auth_user="hashed",
                 auth_query="select 'aq_scram', 'geheim'")
    for password in (None, "geheim"):
        with contextlib.suppress(wire.WireError):
            log_in(proxy, "aq_scram", password)
    assert "geheim" not in proxy.log().replace("'geheim'", "")
    assert "hashed-secret" not in proxy.log()
