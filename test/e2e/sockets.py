"""sockets.py - the sockets of another process, in our own hands: what is set on
them can be read, and a path can be made to go dead."""
import ctypes
import os
import socket
import struct

SYS_PIDFD_GETFD = 438
SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27
_libc = ctypes.CDLL(None, use_errno=True)


def _borrow(pidfd, number):
    fd = _libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


def sockets_of(pid):
    """Copies of all sockets of process PID, for the caller to close; needs the
    right to trace it."""
    pidfd = os.pidfd_open(pid)
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    found.append(socket.socket(
                        fileno=_borrow(pidfd, int(name))))
            except (FileNotFoundError, ProcessLookupError):
                continue  # closed meanwhile
    finally:
        os.close(pidfd)
    return found


def can_borrow(pid):
    """Whether sockets_of() works for the processes we start."""
    try:
        for each in sockets_of(pid):
            each.close()
        return True
    except OSError:
        return False


def peer_of(each):
    try:
        return each.getpeername()
    except OSError:
        return None


def go_dead(each):
    """Whatever comes for socket EACH is dropped before it is looked at, so its
    other end hears nothing more, not even that it is gone."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(drop_all))
    each.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def come_alive(each):
    each.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
