#!/usr/bin/python3
"""logins.py - the processor time that a login costs pgweir, and pgbouncer.

    bench/logins.py [--rounds N] [--logins N] build/src/pgweir [/usr/sbin/pgbouncer]

Each of the programs given is logged in to and left again, in turns of some
hundred logins, by every way in of a list; what is counted is the time of the
program's own process, user's and kernel's, as schedstat has it to the
nanosecond; not the client's. The client knows its SCRAM keys, so that most of
the time is the program's. The server trusts everybody and its connections stay.
Printed are the median and the least of the rounds, in microseconds per login.
"""
import argparse
import hashlib
import os
import ssl
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "test", "e2e"))

import scram  # noqa: E402
import wire  # noqa: E402
from certs import Authority  # noqa: E402
from cluster import Cluster  # noqa: E402
from proxy import Proxy  # noqa: E402

SECRETS = {"stored": scram.secret_of("stored-secret"),
           "clear": "clear-secret"}
# (what it is called, auth_type, user, with TLS)
WAYS = [("trust", "trust", "clear", False),
        ("md5, password stored", "md5", "clear", False),
        ("SCRAM, SCRAM secret stored", "scram-sha-256", "stored", False),
        ("SCRAM, password stored", "scram-sha-256", "clear", False),
        ("trust, TLS", "trust", "clear", True),
        ("SCRAM, SCRAM secret stored, TLS", "scram-sha-256", "stored", True),
        ("SCRAM, password stored, TLS", "scram-sha-256", "clear", True)]

_derive = hashlib.pbkdf2_hmac
_derived = {}


def derive_once(*args):
    if args not in _derived:
        _derived[args] = _derive(*args)
    return _derived[args]


def processor_us(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1000


def connect(proxy, context):
    conn = wire.Wire((proxy.host, proxy.port))
    if context is not None:
        conn.send(wire.request(wire.SSL_REQUEST))
        assert conn.read_exact(1) == b"S"
        # A new session each time: whoever connects anew seldom has one.
        conn.sock = context.wrap_socket(conn.sock)
    return conn


def log_in(proxy, user, context, times):
    """Processor time from connect to close, in microseconds."""
    begin = processor_us(proxy.pid)
    for _ in range(times):
        with connect(proxy, context) as conn:
            conn.login(user=user, database="app", password=f"{user}-secret")
            conn.send(wire.terminate())
    return (processor_us(proxy.pid) - begin) / times


def start(binary, node, auth_type, pair):
    proxy = Proxy(binary, {
        "app": f"host={node.host} port={node.port} dbname=app user=app"}, {
            "auth_type": auth_type, "log_connections": "0",
            "log_disconnections": "0", "client_tls_sslmode": "allow",
            "client_tls_cert_file": pair.cert,
            "client_tls_key_file": pair.key}, secrets=SECRETS)
    proxy.is_ready = lambda: "listening on 127.0.0.1" in proxy.log()
    return proxy.start()


def measure(options, node, pair, way):
    name, auth_type, user, by_tls = way
    context = None
    if by_tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    proxies = [start(binary, node, auth_type, pair)
               for binary in options.binary]
    try:
        costs = [[] for _ in proxies]
        for proxy in proxies:
            log_in(proxy, user, context, 20)
        for _ in range(options.rounds):
            for proxy, cost in zip(proxies, costs):
                cost.append(log_in(proxy, user, context, options.logins))
    finally:
        for proxy in proxies:
            proxy.stop()
            proxy.remove()
    print(f"{name:34}" + "".join(
        f"{statistics.median(cost):10.0f}{min(cost):8.0f}" for cost in costs),
        flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--logins", type=int, default=200)
    parser.add_argument("binary", nargs="+")
    options = parser.parse_args()
    hashlib.pbkdf2_hmac = derive_once
    authority = Authority(prefix="pw-bench-ca-")
    cluster = Cluster(replicas=0, log_statements=False, prefix="pw-bench-")
    try:
        node = cluster.create().primary
        pair = authority.issue("bench", "/CN=localhost", kind="rsa")
        print(f"{'us per login: median, least':34}" + "".join(
            f"{os.path.basename(path):>18}" for path in options.binary))
        for way in WAYS:
            measure(options, node, pair, way)
    finally:
        cluster.destroy()
        authority.remove()


if __name__ == "__main__":
    main()
