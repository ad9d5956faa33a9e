"""Servers that are none, at each step of logging in to them."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import threading

import pytest

import wire

SECRET = "app-secret"


def auth(code, rest=b""):
    return wire.frame("R", struct.pack("!I", code) + rest)


OK = auth(0)
SASL = auth(10, b"SCRAM-SHA-256\0\0")
READY = wire.frame("K", struct.pack("!II", 1, 2)) + wire.frame("Z", b"I")


class Impostor:
    """Accepts connections; TALK speaks with each, behind its startup packet."""

    def __init__(self, talk):
        self.talk = talk
        self.heard = b""
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                conn.settimeout(10)
                try:
                    size, = struct.unpack("!I", conn.recv(4, 0x100))
                    conn.recv(size - 4, 0x100)
                    self.talk(self, conn)
                    conn.recv(1)
                except (OSError, struct.error):
                    pass

    def read(self, conn):
        """The payload of the next message."""
        head = conn.recv(5, 0x100)
        payload = conn.recv(struct.unpack("!I", head[1:])[0] - 4, 0x100)
        self.heard += payload
        return payload


def says(*frames):
    """Sends these, whatever comes."""
    def talk(impostor, conn):
        conn.sendall(b"".join(frames))
    return talk


def challenges(answer, behind=b""):
    """Answers the client's first message with what ANSWER makes of its
    nonce, and its last one with BEHIND."""
    def talk(impostor, conn):
        conn.sendall(SASL)
        nonce = impostor.read(conn).split(b",r=")[1]
        conn.sendall(auth(11, answer(nonce)))
        if behind:
            impostor.read(conn)
            conn.sendall(behind)
    return talk


def proper(nonce):
    return b"r=" + nonce + b"more,s=c2FsdHNhbHRzYWx0c2E=,i=4096"


def error(**fields):
    return wire.frame("E", b"".join(
        key.encode() + value.encode() + b"\0"
        for key, value in fields.items()) + b"\0")


CASES = {
    "10 KB of nonce": (challenges(
        lambda nonce: b"r=" + nonce + b"x" * 10000 + b",s=c2FsdA==,i=4096"),
        "too long"),
    "another nonce": (challenges(
        lambda nonce: b"r=another,s=c2FsdA==,i=4096"),
        "does not continue ours"),
    "our nonce alone": (challenges(
        lambda nonce: b"r=" + nonce + b",s=c2FsdA==,i=4096"),
        "does not continue ours"),
    "a million and one iterations": (challenges(
        lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=1000001"),
        "too many iterations"),
    "2^64 iterations": (challenges(
        lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=18446744073709551617"),
        "no valid iteration count"),
    "no iterations": (challenges(
        lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=0"),
        "no valid iteration count"),
    "no salt": (challenges(lambda nonce: b"r=" + nonce + b"x,i=4096"),
                "no valid salt"),
    "an extension": (challenges(
        lambda nonce: b"m=x,r=" + nonce + b"x,s=c2FsdA==,i=4096"),
        "has no nonce"),
    "nothing": (challenges(lambda nonce: b""), "has no nonce"),
    "no signature": (challenges(proper, OK + READY), "did not prove"),
    "no SCRAM at all": (says(SASL, OK, READY), "did not prove"),
    "a wrong signature": (challenges(proper, auth(
        12, b"v=" + base64.b64encode(b"x" * 32)) + OK + READY),
        "signature is wrong"),
    "a short signature": (challenges(proper, auth(12, b"v=eA==") + OK),
                          "no valid signature"),
    "an error of SCRAM": (challenges(proper, auth(12, b"e=other-error")),
                          "server reports an error"),
    "the end first": (says(SASL, auth(12, b"v=eA==")), "out of turn"),
    "an end of nothing": (says(auth(12, b"v=eA==")),
                          "unexpected SASL message"),
    "a challenge of nothing": (says(auth(11, b"r=x")),
                               "unexpected SASL message"),
    "SCRAM twice": (says(SASL, SASL), "unexpected SASL request"),
    "only mechanisms of others": (says(auth(10, b"OAUTHBEARER\0\0")),
                                  "but: OAUTHBEARER"),
    "binding without TLS": (says(auth(10, b"SCRAM-SHA-256-PLUS\0\0")),
                            "but: SCRAM-SHA-256-PLUS"),
    "an endless list": (says(auth(10, b"X\0" * 20000)), "malformed"),
    "an empty list": (says(auth(10)), "malformed"),
    "half a salt": (says(auth(5, b"ab")), "malformed md5 request"),
    "a long salt": (says(auth(5, b"abcdefgh")), "malformed md5 request"),
    "Kerberos": (says(auth(7)), "authentication method 7"),
    "a method of the future": (says(auth(0xffffffff)),
                               "authentication method 4294967295"),
    "no method": (says(wire.frame("R", b"\0")),
                  "malformed authentication request"),
    "rows": (says(wire.frame("D", b"\0\0")), "unexpected message type"),
    "a length of 3": (says(b"R\0\0\0\3"), ""),
    "a length of 2 GB": (says(b"R\x7f\xff\xff\xff"), ""),
    "a length of -1": (says(b"R\xff\xff\xff\xff"), ""),
    "an error without a code": (says(error(S="FATAL", M="go away")),
                                "go away"),
    "an error without anything": (says(wire.frame("E", b"\0")), ""),
    "an error that is none": (says(wire.frame("E", b"Sx")), "malformed error"),
    "a long key": (says(OK, wire.frame("K", b"x" * 5000)), ""),
    "a key twice": (says(OK, READY[:13], READY[:13]), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_an_impostor_is_seen_through_and_hears_no_password(pgweir, name):
    talk, complaint = CASES[name]
    impostor = Impostor(talk)
    proxy = pgweir(databases={
        "app": f"host=127.0.0.1 port={impostor.port}"},
        monitor_user="", server_unreachable_timeout="300ms",
        server_connect_timeout="1")
    try:
        with proxy.wire(deadline=15) as conn, \
                pytest.raises(wire.WireError) as caught:
            conn.login(user="app", database="app")
        assert caught.value.severity == "FATAL"
        assert len(caught.value.sqlstate) == 5
        assert complaint in caught.value.message
        assert proxy.show("VERSION")
        assert SECRET.encode() not in impostor.heard
    finally:
        impostor.sock.close()


def test_a_server_that_knows_the_secret_is_served(pgweir):
    """That the impostors fail by what they do, and not by the test."""
    salted = hashlib.pbkdf2_hmac("sha256", SECRET.encode(),
                                 base64.b64decode("c2FsdHNhbHRzYWx0c2E="),
                                 4096)

    def mac(key, text):
        return hmac.new(key, text, hashlib.sha256).digest()

    def talk(impostor, conn):
        conn.sendall(SASL)
        bare = impostor.read(conn).split(b"n,,", 1)[1]
        first = proper(bare.split(b"r=")[1])
        conn.sendall(auth(11, first))
        final = impostor.read(conn).rsplit(b",p=", 1)[0]
        signature = mac(mac(salted, b"Server Key"),
                        bare + b"," + first + b"," + final)
        conn.sendall(auth(12, b"v=" + base64.b64encode(signature)) + OK
                     + wire.frame("S", b"server_version\00015.0\0") + READY)
        while True:
            impostor.read(conn)
            conn.sendall(wire.frame("C", b"RESET\0") + wire.frame("Z", b"I"))
    impostor = Impostor(talk)
    proxy = pgweir(databases={
        "app": f"host=127.0.0.1 port={impostor.port}"}, monitor_user="")
    try:
        with proxy.wire() as conn:
            conn.login(user="app", database="app")
            assert conn.params["server_version"] == "15.0"
        proxy.stop()
    finally:
        impostor.sock.close()
    assert os.path.basename(proxy.binary)
