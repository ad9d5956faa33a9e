"""Verdicts on logins compared with those of a server that does the same, what
clients are asked for on the way, and secrets that differ in kind from those of
the server. The scene is that of test_auth_matrix.py.
"""
import hashlib
import itertools
import struct

import pytest

import scram
import wire
from test_auth_matrix import (KINDS, RULES_OF_HBA, STORED, TLS,
                              authority, certificates, is_md5, md5_of,
                              password_of, server, starts)
from test_tls import start_tls

__all__ = ["authority", "certificates", "server", "starts"]  # fixtures

# What is called otherwise than the rule that does the same.
AUTH_TYPES = {"password": "plain", "scram": "scram-sha-256"}


# ---- verdicts ----------------------------------------------------------------
# Of every role, whatever has become of it: the server judges that then. By md5
# it takes secrets of both kinds, and needs no password in clear.
ANYBODY = "select rolname, rolpassword from pg_authid where rolname = $1"
PLACES = {"trust": "trust", "password": "md5", "md5": "md5", "scram": "scram"}
TRIES = [("q_scram", None), ("q_scram", "wrong"), ("q_scram", ""),
         ("q_md5", None), ("q_md5", "wrong"), ("q_md5", ""),
         ("nobody", None), ("nobody", ""), ("q_late", None),
         ("q_late", "wrong"), ("late_md5", None), ("locked", None),
         ("locked", "wrong"), ("empty", None), ("empty", "")]


@pytest.fixture
def odd_roles(server):
    """Those who cannot come in, each for another reason."""
    with server.node.connect() as conn:
        conn.execute(f"""
            create role late_md5 login password '{md5_of("late_md5")}'
                valid until '2020-01-01';
            create role locked nologin password
                '{scram.secret_of("locked-secret")}';
            create role empty login""")
    yield
    with server.node.connect() as conn:
        conn.execute("drop role late_md5, locked, empty")


def asks_for_anybody(starts, auth_type):
    proxy = starts(auth_type, False)
    proxy.write_config(auth_query=ANYBODY)
    proxy.console("RELOAD")
    return proxy


def verdict(address, user, dbname, password):
    with wire.Wire(address) as conn:
        try:
            conn.login(user=user, database=dbname, password=password)
            return conn.value("select current_user")
        except wire.WireError as error:
            return error.severity, error.sqlstate


@pytest.mark.parametrize("by", ["auth_type", "rule"])
def test_a_verdict_is_that_of_a_server(starts, server, odd_roles, by):
    wrong = []
    rules = asks_for_anybody(starts, "hba") if by == "rule" else None
    for method, place in PLACES.items():
        proxy = rules or asks_for_anybody(
            starts, AUTH_TYPES.get(method, method))
        for user, password in TRIES:
            said = password_of(user) if password is None else password
            theirs = verdict((server.node.host, server.node.port), user,
                             method, said)
            prefix = method if rules else "trust"
            ours = verdict((proxy.host, proxy.port), user,
                           f"{prefix}_{place}", said)
            if ours != theirs:
                wrong.append(f"{method}, {user}, password {said!r}: {ours}"
                             f" instead of {theirs}")
    assert not wrong, "\n".join(wrong)


# ---- what clients are asked for ----------------------------------------------
CLEAR, BY_MD5, BY_SCRAM = [3], [5], [10, 11, 12]


def to_be_asked(method, kind):
    """The requests before all is well; for the unknown, before it is not."""
    if method in ("trust", "any", "reject"):
        return []
    if method == "password":
        return CLEAR
    if method == "md5" and (is_md5(kind) or kind == "f_plain"):
        return BY_MD5
    fails = kind == "unknown" or is_md5(kind)
    return BY_SCRAM[:-1] if fails else BY_SCRAM


def requests(proxy, user, dbname, by_tls):
    """The codes of the requests, and the mechanisms that were offered."""
    asked, offers, exchange = [], b"", scram.Exchange(password_of(user))
    with proxy.wire() as conn:
        if by_tls:
            start_tls(conn)
        conn.send(wire.startup({"user": user, "database": dbname}))
        while (got := conn.read_frame()).type not in "ZE":
            if got.type != "R":
                continue
            code, = struct.unpack_from("!I", got.payload)
            if code == 3:
                conn.send(wire.frame("p", wire.text(password_of(user))))
            elif code == 5:
                inner = md5_of(user)[3:].encode() + got.payload[4:]
                conn.send(wire.frame("p", wire.text(
                    "md5" + hashlib.md5(inner).hexdigest())))
            elif code == 10:
                offers = got.payload[4:]
                conn.send(scram.initial(exchange.first()))
            elif code == 11:
                conn.send(wire.frame("p", exchange.final(got.payload[4:])))
            elif code == 12:
                exchange.verify(got.payload[4:])
            asked += [code] if code != 0 else []
    return asked, offers


@pytest.mark.parametrize("by_tls", TLS)
def test_a_client_is_asked_as_the_method_and_its_secret_want(starts, by_tls):
    """Not by anything that says less about it, or more of its password."""
    offer = b"SCRAM-SHA-256-PLUS\0" * by_tls + b"SCRAM-SHA-256\0\0"
    wrong = []
    rules = [rule for rule in RULES_OF_HBA if rule != "cert"]
    methods_of = {"hba": rules, "any": ["any"],
                  **{AUTH_TYPES.get(rule, rule): [rule] for rule in rules
                     if rule != "reject"}}
    for auth_type, methods in methods_of.items():
        proxy = starts(auth_type, False)
        for method, kind in itertools.product(methods, KINDS):
            if (method, kind) == ("md5", "unknown"):
                continue  # as one of those who are known, whichever it is
            rule = method if auth_type == "hba" else "trust"
            asked, offers = requests(proxy, kind, f"{rule}_trust", by_tls)
            right = to_be_asked(method, kind)
            if asked != right or (10 in right and offers != offer):
                wrong.append(f"{auth_type}, {method}, {kind}: {asked} with"
                             f" {offers} instead of {right}")
    assert not wrong, "\n".join(wrong)


# ---- secrets that differ in kind ---------------------------------------------
def test_the_server_may_have_another_kind_of_secret(starts, server):
    """A password serves for all of them; an md5 secret for md5 alone."""
    with server.node.connect() as conn:
        conn.execute(f"""
            alter role f_plain password '{md5_of("f_plain")}';
            alter role f_md5 password '{scram.secret_of("f_md5-secret")}'""")
    try:
        proxy = starts("md5", False)
        address = proxy.host, proxy.port
        got = {(kind, asked): verdict(address, kind, f"trust_{asked}",
                                      password_of(kind))
               for kind in ("f_plain", "f_md5")
               for asked in ("trust", "password", "md5", "scram")}
    finally:
        with server.node.connect() as conn:
            for kind in ("f_plain", "f_md5"):
                conn.execute(f"alter role {kind} password '{STORED[kind]}'")
    refused = "FATAL", "28P01"
    assert got == {
        ("f_plain", "trust"): "f_plain", ("f_plain", "password"): "f_plain",
        ("f_plain", "md5"): "f_plain", ("f_plain", "scram"): refused,
        ("f_md5", "trust"): "f_md5", ("f_md5", "password"): refused,
        ("f_md5", "md5"): refused, ("f_md5", "scram"): refused}
