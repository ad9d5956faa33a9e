"""forwarder.py - a TCP address in front of others: what a load balancer, or a
slow network, does to connections.

Forwarder(target)      passes on to TARGET; target may also be a function that
                       is asked for (host, port) at each connection
    .let_cancels       an Event: while it is clear, CancelRequests wait here
    .cancels           how many have come
    .let_bytes         an Event: while it is clear, all that goes to TARGET waits
    .waits             an Event: something does
"""
import contextlib
import socket
import struct
import threading

import wire


def _pump(source, sink, gate=None, waits=None):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            if gate is not None and not gate.is_set():
                waits.set()
                gate.wait(30)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Forwarder:
    def __init__(self, target):
        self.target = target if callable(target) else lambda: target
        self.let_cancels = threading.Event()
        self.let_cancels.set()
        self.cancels = 0
        self.let_bytes, self.waits = threading.Event(), threading.Event()
        self.let_bytes.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.listener.getsockname()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let_cancels.set()
        self.let_bytes.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,),
                             daemon=True).start()

    def _serve(self, near):
        with contextlib.ExitStack() as stack:
            stack.enter_context(near)
            self.sockets.append(near)
            try:
                head = near.recv(65536)
                if len(head) >= 8 and struct.unpack_from("!I", head, 4)[0] \
                        == wire.CANCEL_REQUEST:
                    self.cancels += 1
                    self.let_cancels.wait(30)
                far = stack.enter_context(
                    socket.create_connection(self.target()))
                self.sockets.append(far)
                far.sendall(head)
            except OSError:
                return
            back = threading.Thread(target=_pump, args=(far, near),
                                    daemon=True)
            back.start()
            _pump(near, far, self.let_bytes, self.waits)
            back.join(5)
