"""nameserver.py - a name server for tests, and forwarders that give one
PostgreSQL several addresses.

Answers A questions for the names it is given, NXDOMAIN for all others.
"""
import os
import selectors
import socket
import struct
import threading

from procs import write_file


def _bind():
    """Not every resolver takes a port in resolv.conf: port 53, of a loopback
    address that nobody uses. Raises PermissionError where that is not ours to
    have."""
    for last in range(2, 250):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = f"127.53.{os.getpid() % 250}.{last}"
        try:
            sock.bind((address, 53))
            return sock, address
        except PermissionError:
            sock.close()
            raise
        except OSError:
            sock.close()
    raise RuntimeError("no free address for a name server")


class NameServer:
    """Runs in a thread; NAMES maps names to lists of addresses, and may be
    changed at any time."""

    def __init__(self, directory, names):
        self.names = dict(names)
        self.asked = []  # names of A questions, in order
        self.is_silent = False
        self.unanswered = 0
        self.sock, address = _bind()
        self.resolv_conf = write_file(
            os.path.join(directory, "resolv.conf"),
            f"nameserver {address}\noptions timeout:1 attempts:2\n")
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.sendto(b"", self.sock.getsockname())
        self.thread.join()
        self.sock.close()

    def count(self, name):
        return self.asked.count(name)

    def _run(self):
        while True:
            question, sender = self.sock.recvfrom(600)
            if not question:
                return
            if self.is_silent:
                self.unanswered += 1
            else:
                self.sock.sendto(self._answer(question), sender)

    def _answer(self, message):
        at, labels = 12, []
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += message[at] + 1
        kind, = struct.unpack_from("!H", message, at + 1)
        question = message[12:at + 5]
        name = ".".join(labels).lower()
        if kind == 1:
            self.asked.append(name)
        addresses = self.names.get(name)
        records = addresses if kind == 1 and addresses else []
        flags = 0x8180 if addresses is not None else 0x8183
        head = message[:2] + struct.pack("!HHHHH", flags, 1, len(records),
                                         0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4)
                        + socket.inet_aton(address) for address in records)
        return head + question + body


class Forwarder:
    """Accepts at ADDRESS and PORT and passes everything on to TARGET."""

    def __init__(self, address, port, target):
        self.target = target
        self.accepted = 0
        self.listener = socket.create_server((address, port))
        self.wake, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wake.close()
        self.thread.join()

    def _run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.woken, selectors.EVENT_READ)
        selector.register(self.listener, selectors.EVENT_READ)
        peers = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is self.woken:
                    for sock in [*peers, self.listener, self.woken]:
                        sock.close()
                    return
                if key.fileobj is self.listener:
                    one, _ = self.listener.accept()
                    two = socket.create_connection(self.target)
                    self.accepted += 1
                    peers[one], peers[two] = two, one
                    selector.register(one, selectors.EVENT_READ)
                    selector.register(two, selectors.EVENT_READ)
                elif key.fileobj in peers:
                    self._pass_on(selector, peers, key.fileobj)

    @staticmethod
    def _pass_on(selector, peers, sock):
        other = peers[sock]
        try:
            data = sock.recv(65536)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        for end in (sock, other):
            selector.unregister(end)
            peers.pop(end)
            end.close()
