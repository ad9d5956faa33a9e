"""scram.py - SCRAM-SHA-256 by hand, so that each step can be done wrong."""
import base64
import hashlib
import hmac
import os
import struct

import wire


def _mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def _hash(message):
    return hashlib.sha256(message).digest()


def secret_of(password, salt=b"0123456789abcdef", iterations=4096):
    """What PostgreSQL stores for PASSWORD (which SASLprep leaves alone)."""
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), salt, iterations)
    stored = _hash(_mac(salted, b"Client Key"))
    server = _mac(salted, b"Server Key")
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (
        iterations, *(base64.b64encode(part).decode()
                      for part in (salt, stored, server)))


class Exchange:
    """One login of a client, which binds it to BINDING, or begins with FLAG."""

    def __init__(self, password, binding=b"", flag=None):
        self.password = password.encode()
        if flag is None:
            flag = b"p=tls-server-end-point" if binding else b"n"
        self.header = flag + b",,"
        self.binding = binding
        self.nonce = base64.b64encode(os.urandom(18))
        self.bare = b"n=,r=" + self.nonce

    def first(self):
        return self.header + self.bare

    def final(self, server_first):
        fields = dict(part.split(b"=", 1)
                      for part in server_first.split(b","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password, base64.b64decode(fields[b"s"]),
            int(fields[b"i"]))
        without = b"c=" + base64.b64encode(self.header + self.binding) \
            + b",r=" + fields[b"r"]
        signed = self.bare + b"," + server_first + b"," + without
        key = _mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, _mac(_hash(key), signed)))
        self.signature = _mac(_mac(salted, b"Server Key"), signed)
        return without + b",p=" + base64.b64encode(proof)

    def verify(self, server_final):
        assert server_final == b"v=" + base64.b64encode(self.signature)


def initial(data, mechanism=b"SCRAM-SHA-256", length=None):
    """SASLInitialResponse."""
    length = len(data) if length is None else length
    return wire.frame(
        "p", mechanism + b"\0" + struct.pack("!i", length) + data)


def request(conn):
    """The next Authentication message: its code and what follows."""
    got = conn.read_frame()
    if got.type == "E":
        raise wire.WireError(wire.fields_of(got.payload))
    assert got.type == "R", got
    return struct.unpack_from("!I", got.payload)[0], got.payload[4:]


def begin(conn, user="app", database="app"):
    """Up to the list of mechanisms."""
    conn.send(wire.startup({"user": user, "database": database}))
    return request(conn)


def challenge(conn, user, password="x"):
    """The exchange, and server-first-message."""
    code, mechanisms = begin(conn, user)
    assert (code, mechanisms) == (10, b"SCRAM-SHA-256\0\0")
    exchange = Exchange(password)
    conn.send(initial(exchange.first()))
    code, server_first = request(conn)
    assert code == 11
    return exchange, server_first
