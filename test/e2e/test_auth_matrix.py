"""Every way in: how clients show who they are x what is known of them x what
servers ask for x TLS on either side, against real servers.

Who may come in is said by RULES, a table of what PostgreSQL and its protocol
make possible, which knows nothing of how it is done here.
"""
import concurrent.futures
import hashlib
import itertools
import os
import re

import psycopg
import pytest

import scram
import wire
from certs import Authority
from cluster import SUPERUSER
from conftest import Factory
from procs import write_file
from test_tls_servers import Server

# What is known of a user, and where: f in auth_file, q by auth_query.
KINDS = ["f_plain", "f_md5", "f_scram", "q_md5", "q_scram", "unknown"]
ASKED = ["trust", "password", "md5", "scram", "cert"]  # by the server
RULES_OF_HBA = ["trust", "cert", "reject", "password", "md5", "scram"]
AUTH_TYPES = ["trust", "plain", "md5", "scram-sha-256", "any", "cert", "hba"]
FORCED = "f_plain"  # by user=, where anybody may come in
TLS = [False, True]


def is_md5(kind):
    return kind.endswith("md5")


# ---- the rules ---------------------------------------------------------------
# Of clients: the methods at work are those of HBA rules. None: they come in.
def client_is_refused(method, kind, tls):
    known = kind != "unknown"
    if method == "reject":
        return "pg_hba.conf rejects connection"
    if method == "cert" and not tls:
        # A hostssl line is not about it; as auth_type it asks for one.
        return "no pg_hba.conf entry|requires a valid client certificate" \
            "|SSL required"
    if method == "any":
        return None
    if method in ("trust", "cert"):
        return None if known else "no such user|authentication failed"
    if not known or (method == "scram" and is_md5(kind)):
        return "password authentication failed"
    return None


# Whether the client has let its password or its SCRAM key be seen.
def has_shown_its_key(method, kind):
    return method == "password" or \
        (method in ("md5", "scram") and not is_md5(kind))


def server_refuses(asked, kind, has_key, tls):
    if asked == "trust":
        return None
    if asked == "cert":
        return None if tls else "no pg_hba.conf entry"
    if asked == "password":
        return None if kind == "f_plain" else "by clear-text password"
    if is_md5(kind):
        return None if asked == "md5" else \
            "asks user .* by SCRAM-SHA-256|password authentication failed"
    # The server's own secret is a SCRAM one, so md5 asks for SCRAM as well.
    return None if kind == "f_plain" or has_key else \
        "only the SCRAM secret is known"


def expected(method, kind, asked, by_tls, to_tls):
    refused = client_is_refused(method, kind, by_tls)
    if refused is None:
        name = FORCED if method == "any" else kind
        refused = server_refuses(
            asked, name, has_shown_its_key(method, kind), to_tls)
    return refused


# ---- the scene ---------------------------------------------------------------
def password_of(user):
    return f"{user}-secret"


def md5_of(user):
    return "md5" + hashlib.md5(
        (password_of(user) + user).encode()).hexdigest()


STORED = {kind: md5_of(kind) if is_md5(kind) else
          scram.secret_of(password_of(kind)) for kind in KINDS}
AUTH_FILE = {"f_plain": password_of("f_plain"), "f_md5": STORED["f_md5"],
             "f_scram": STORED["f_scram"]}
# What the servers know that pgweir does not must not be found by asking.
AUTH_QUERY = ("select rolname, rolpassword from pg_authid"
              " where rolname = $1 and left(rolname, 2) = 'q_'"
              " and coalesce(rolvaliduntil > now(), true)")


@pytest.fixture(scope="module")
def authority():
    made = Authority(prefix="pw-mca-")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def certificates(authority):
    """Those of users, and of both ends of pgweir. Clients are the tests, which
    are somebody else than the service user."""
    made = {"pgweir": authority.issue("pgweir", "/CN=pgweir",
                                      ["DNS:localhost", "IP:127.0.0.1"])}
    for kind in KINDS:
        made[kind] = authority.issue(kind, f"/CN={kind}")
        os.chown(made[kind].key, os.geteuid(), os.getegid())
    return made


@pytest.fixture(scope="module")
def server(authority):
    """One PostgreSQL whose databases each ask in another way."""
    made = Server(authority)
    node = made.node
    with node.connect() as conn:
        for kind in KINDS:
            conn.execute(f"create role {kind} login password '{STORED[kind]}'")
        conn.execute("create role q_late login password"
                     f" '{scram.secret_of('q_late-secret')}'"
                     " valid until '2020-01-01'")
        for asked in ASKED:
            conn.execute(f"create database {asked}")
    write_file(os.path.join(node.data, "pg_ident.conf"), "".join(
        f"one pgweir {kind}\n" for kind in KINDS), 0o600)
    node.stop_fast()
    node.configure(max_connections=500)
    node.start()
    made.set("host all monitor 127.0.0.1/32 trust",
             "hostssl cert all 127.0.0.1/32 cert map=one",
             "host trust all 127.0.0.1/32 trust",
             "host password all 127.0.0.1/32 password",
             "host md5 all 127.0.0.1/32 md5",
             "host scram all 127.0.0.1/32 scram-sha-256", ca=True)
    yield made
    made.cluster.destroy()


@pytest.fixture
def starts(request, server, authority, certificates):
    factory = Factory(request, server.cluster)

    def start(auth_type, to_tls):
        node = server.node
        forced = f" user={FORCED}" if auth_type == "any" else ""
        pair = certificates["pgweir"]
        proxy = factory(
            {"aq": f"host={node.host} port={node.port} dbname=app",
             **{f"{rule}_{asked}": f"host={node.host} port={node.port}"
                f" dbname={asked}{forced}"
                for rule in RULES_OF_HBA for asked in ASKED}},
            secrets=AUTH_FILE, start=False, auth_type=auth_type,
            auth_query=AUTH_QUERY, auth_user=SUPERUSER, auth_dbname="aq",
            server_unreachable_timeout="0.3", default_pool_size=2,
            client_tls_sslmode="verify-full" if auth_type == "cert"
            else "allow", client_tls_ca_file=authority.cert,
            client_tls_cert_file=pair.cert, client_tls_key_file=pair.key,
            server_tls_sslmode="verify-full" if to_tls else "disable",
            server_tls_ca_file=authority.cert,
            server_tls_cert_file=pair.cert, server_tls_key_file=pair.key)
        if auth_type == "hba":
            proxy.settings["auth_hba_file"] = write_file(
                os.path.join(proxy.dir, "hba.conf"),
                "host pgbouncer all all trust\n" + "".join(
                    f'{"hostssl" if rule == "cert" else "host"} /^{rule}_ all'
                    f' all {"scram-sha-256" if rule == "scram" else rule}\n'
                    for rule in RULES_OF_HBA))
        proxy.is_ready = lambda: "listening" in proxy.log()
        return proxy.start()
    yield start
    factory.end()


def outcome(proxy, certificates, user, dbname, by_tls):
    """Who the client is and whether its server came by TLS, or the error."""
    words = {"sslmode": "disable"}
    if by_tls:
        words = {"sslmode": "require", "sslcert": certificates[user].cert,
                 "sslkey": certificates[user].key}
    try:
        with psycopg.connect(
                host=proxy.host, port=proxy.port, user=user, dbname=dbname,
                password=password_of(user), connect_timeout=20,
                autocommit=True, **words) as conn:
            return conn.execute(
                "select current_user, ssl from pg_stat_ssl"
                " where pid = pg_backend_pid()").fetchone()
    except psycopg.Error as error:
        return str(error)


def fits(got, refused, who):
    if refused is None:
        return got == who
    return isinstance(got, str) and "FATAL" in got and \
        re.search(refused, got) is not None


@pytest.mark.parametrize("to_tls", TLS)
@pytest.mark.parametrize("auth_type", AUTH_TYPES)
def test_who_comes_in(starts, certificates, auth_type, to_tls):
    proxy = starts(auth_type, to_tls)
    # In the order of RULES_OF_HBA no key is shown before it is missed.
    names = {"plain": "password", "scram-sha-256": "scram"}
    methods = RULES_OF_HBA if auth_type == "hba" else \
        [names.get(auth_type, auth_type)]

    def try_all_of(kind):
        wrong = []
        for method, asked, by_tls in itertools.product(methods, ASKED, TLS):
            rule = method if method in RULES_OF_HBA else "trust"
            got = outcome(proxy, certificates, kind, f"{rule}_{asked}", by_tls)
            refused = expected(method, kind, asked, by_tls, to_tls)
            who = (FORCED if auth_type == "any" else kind, to_tls)
            if not fits(got, refused, who):
                wrong.append(
                    f"{auth_type}, client {method}, secret {kind}, server"
                    f" {asked}, TLS {by_tls}/{to_tls}: expected"
                    f" {refused or 'to come in'}, got {got}")
        return wrong

    with concurrent.futures.ThreadPoolExecutor(len(KINDS)) as crowd:
        wrong = sum(crowd.map(try_all_of, KINDS), [])
    assert not wrong, "\n".join([f"{len(wrong)} differ:", *wrong[:20]])


# ---- who does not: as a server says it ---------------------------------------
def refusal(address, user, dbname, password):
    with wire.Wire(address) as conn:
        with pytest.raises(wire.WireError) as caught:
            conn.login(user=user, database=dbname, password=password)
        conn.assert_closed()
        return caught.value


WRONG = {"a wrong password": ("q_scram", "wrong"),
         "an empty password": ("q_scram", ""),
         "a wrong password of an md5 secret": ("q_md5", "wrong"),
         "an unknown user": ("nobody", "nobody-secret"),
         "an expired role": ("q_late", "q_late-secret")}


@pytest.mark.parametrize("auth_type, asked", [
    ("plain", "password"), ("md5", "md5"), ("scram-sha-256", "scram")])
def test_a_refusal_is_that_of_a_server(starts, server, auth_type, asked):
    proxy = starts(auth_type, False)
    for why, (user, password) in WRONG.items():
        theirs = refusal((server.node.host, server.node.port), user, asked,
                         password)
        ours = refusal((proxy.host, proxy.port), user, f"trust_{asked}",
                       password)
        assert (ours.severity, ours.sqlstate) == \
            (theirs.severity, theirs.sqlstate), why
        # pgbouncer's words go before the server's where it is SCRAM.
        assert ours.message.endswith(theirs.message), why
