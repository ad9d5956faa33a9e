"""wire.py - PostgreSQL's protocol, byte by byte, for tests that need to say
exactly what is sent and see exactly what is answered.

Source: PostgreSQL documentation, "Frontend/Backend Protocol". Nothing here is
clever: a blocking socket with a deadline, frames as (type, payload).
"""
import hashlib
import os
import socket
import struct
from collections import namedtuple

PROTOCOL_3 = 3 << 16
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102

Frame = namedtuple("Frame", "type payload")
Result = namedtuple("Result", "columns rows tag notices")


class WireError(Exception):
    """An ErrorResponse; FIELDS maps its letters to texts."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('S')} {fields.get('C')}: "
                         f"{fields.get('M')}")
        self.fields = fields

    @property
    def sqlstate(self):
        return self.fields.get("C")

    @property
    def severity(self):
        return self.fields.get("S")

    @property
    def message(self):
        return self.fields.get("M")


class Closed(Exception):
    """The other side has closed the connection."""


# ---- frames to send ---------------------------------------------------------
def raw(value):
    return value if isinstance(value, bytes) else value.encode()


def text(value):
    return raw(value) + b"\0"


def frame(kind, payload=b""):
    return kind.encode() + struct.pack("!I", len(payload) + 4) + payload


def startup(params, version=PROTOCOL_3):
    body = struct.pack("!I", version)
    for key, value in params.items():
        body += text(key) + text(value)
    body += b"\0"
    return struct.pack("!I", len(body) + 4) + body


def request(code, rest=b""):
    """SSLRequest, GSSENCRequest, CancelRequest."""
    return struct.pack("!II", 8 + len(rest), code) + rest


def query(sql):
    return frame("Q", text(sql))


def parse(sql, name="", types=()):
    return frame("P", text(name) + text(sql) + struct.pack("!h", len(types))
                 + b"".join(struct.pack("!I", oid) for oid in types))


def bind(params=(), statement="", portal="", result_format=0, formats=()):
    """PARAMS are texts, bytes or None; FORMATS 0 or 1 for each, or one for
    all, or none for text."""
    body = text(portal) + text(statement) + struct.pack("!h", len(formats))
    body += b"".join(struct.pack("!h", code) for code in formats)
    body += struct.pack("!h", len(params))
    for value in params:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            body += struct.pack("!i", len(raw(value))) + raw(value)
    return frame("B", body + struct.pack("!hh", 1, result_format))


def describe(kind="P", name=""):
    return frame("D", kind.encode() + text(name))


def execute(portal="", max_rows=0):
    return frame("E", text(portal) + struct.pack("!i", max_rows))


def close(kind="S", name=""):
    return frame("C", kind.encode() + text(name))


def sync():
    return frame("S")


def flush():
    return frame("H")


def terminate():
    return frame("X")


def copy_data(data):
    return frame("d", data)


def copy_done():
    return frame("c")


def copy_fail(reason="stopped"):
    return frame("f", text(reason))


def function_call(oid, *args):
    body = struct.pack("!Ihhh", oid, 1, 0, len(args))
    for value in args:
        body += struct.pack("!i", len(raw(value))) + raw(value)
    return frame("F", body + struct.pack("!h", 0))


# ---- frames received --------------------------------------------------------
def fields_of(payload):
    """ErrorResponse and NoticeResponse."""
    fields = {}
    for part in payload.split(b"\0"):
        if part:
            fields[chr(part[0])] = part[1:].decode("utf-8", "replace")
    return fields


def columns_of(payload):
    """RowDescription as [(name, type oid)]."""
    count, = struct.unpack_from("!h", payload)
    at, columns = 2, []
    for _ in range(count):
        end = payload.index(b"\0", at)
        name = payload[at:end].decode()
        oid, = struct.unpack_from("!I", payload, end + 7)
        columns.append((name, oid))
        at = end + 19
    return columns


def row_of(payload):
    """DataRow as a list of texts and None."""
    count, = struct.unpack_from("!h", payload)
    at, row = 2, []
    for _ in range(count):
        size, = struct.unpack_from("!i", payload, at)
        at += 4
        if size < 0:
            row.append(None)
        else:
            row.append(payload[at:at + size].decode())
            at += size
    return row


class Wire:
    """One connection. ADDRESS is (host, port) or the path of a Unix socket."""

    def __init__(self, address, deadline=10.0):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
        else:
            self.sock = socket.socket(
                socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(deadline)
        self.sock.connect(address)
        self.address = address
        self.buffer = bytearray()
        self.params = {}
        self.notices = []
        self.key = None
        self.negotiated = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # -- sending
    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def send_bytewise(self, *frames):
        """One byte per segment, as the slowest network would."""
        for byte in b"".join(frames):
            self.sock.sendall(bytes([byte]))

    # -- receiving
    def read_exact(self, count):
        while len(self.buffer) < count:
            data = self.sock.recv(262144)
            if not data:
                raise Closed(f"closed with {bytes(self.buffer)!r} unread")
            self.buffer += data
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_frame(self):
        head = self.read_exact(5)
        size, = struct.unpack("!I", head[1:])
        return Frame(chr(head[0]), self.read_exact(size - 4))

    def read_until(self, kind):
        """All frames up to and with the first of type KIND."""
        frames = [self.read_frame()]
        while frames[-1].type != kind:
            frames.append(self.read_frame())
        return frames

    def types_until(self, kind="Z", leave_out="NSA"):
        """The types alone, as a string: "1TDCZ". What may come at any time
        (notices, parameters, notifications) is left out."""
        return "".join(f.type for f in self.read_until(kind)
                       if f.type not in leave_out)

    def assert_closed(self):
        """The other side closes, after whatever it still had to say."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass

    def assert_silent(self):
        """Nothing has arrived so far (which is no proof for later)."""
        self.sock.setblocking(False)
        try:
            data = self.sock.recv(1)
        except BlockingIOError:
            data = None
        finally:
            self.sock.settimeout(10)
        assert data is None, f"unexpected {data!r}"

    # -- conversations
    def login(self, password=None, version=PROTOCOL_3, bytewise=False,
              **params):
        """Startup up to ReadyForQuery; raises WireError when refused."""
        send = self.send_bytewise if bytewise else self.send
        send(startup(params, version))
        while True:
            got = self.read_frame()
            if got.type == "E":
                raise WireError(fields_of(got.payload))
            if got.type == "R":
                self._answer(got.payload, params.get("user"), password)
            elif got.type == "S":
                key, value = got.payload[:-1].split(b"\0")
                self.params[key.decode()] = value.decode()
            elif got.type == "K":
                self.key = got.payload
            elif got.type == "v":
                self.negotiated = got.payload
            elif got.type == "N":
                self.notices.append(fields_of(got.payload))
            elif got.type == "Z":
                return self

    def _answer(self, payload, user, password):
        kind, = struct.unpack_from("!I", payload)
        if kind == 3:
            self.send(frame("p", text(password or "")))
        elif kind == 5:
            inner = hashlib.md5((password + user).encode()).hexdigest()
            outer = hashlib.md5(inner.encode() + payload[4:8]).hexdigest()
            self.send(frame("p", text("md5" + outer)))
        elif kind in (10, 11, 12):
            self._answer_sasl(kind, payload[4:], password)
        elif kind != 0:
            raise RuntimeError(f"authentication {kind} is not spoken here")

    def _answer_sasl(self, kind, data, password):
        import scram  # which is written in terms of this module

        if kind == 10:
            self.exchange = scram.Exchange(password)
            self.send(scram.initial(self.exchange.first()))
        elif kind == 11:
            self.send(frame("p", self.exchange.final(data)))
        else:
            self.exchange.verify(data)

    def read_result(self):
        """Reads up to ReadyForQuery; raises the (last) error after it."""
        columns, rows, tag, notices, error = [], [], None, [], None
        for got in self.read_until("Z"):
            if got.type == "T":
                columns = columns_of(got.payload)
            elif got.type == "D":
                rows.append(row_of(got.payload))
            elif got.type == "C":
                tag = got.payload[:-1].decode()
            elif got.type == "N":
                notices.append(fields_of(got.payload))
            elif got.type == "E":
                error = WireError(fields_of(got.payload))
            elif got.type == "S":
                key, value = got.payload[:-1].split(b"\0")
                self.params[key.decode()] = value.decode()
        if error is not None:
            raise error
        return Result(columns, rows, tag, notices)

    def ask(self, sql):
        self.send(query(sql))
        return self.read_result()

    def value(self, sql):
        return self.ask(sql).rows[0][0]

    def cancel(self):
        """Sends a CancelRequest for this connection on one of its own and
        waits until that is closed."""
        with Wire(self.address) as other:
            other.send(request(CANCEL_REQUEST, self.key))
            other.assert_closed()


def socket_path(directory, port):
    return os.path.join(directory, f".s.PGSQL.{port}")
