"""procs.py - processes, ports and waiting, for tests and the quickstart.

PostgreSQL and pgweir refuse to run as root: as root we start them as user
postgres, otherwise as ourselves. Every process started here is told by the
kernel to go when we go, so that not even SIGKILL leaves one behind.
"""
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def is_root():
    return os.geteuid() == 0


def service_user():
    """Name of the user the started programs run as."""
    return "postgres" if is_root() else pwd.getpwuid(os.geteuid()).pw_name


def _identity():
    if not is_root():
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid,
            "extra_groups": os.getgrouplist("postgres", entry.pw_gid)}


def private_dir(prefix):
    """A directory for the service user alone, with a short path: the path of a
    Unix socket has 107 characters at most."""
    path = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
    give(path)
    return path


def give(*paths):
    """Makes the service user the owner of PATHS."""
    if is_root():
        for path in paths:
            shutil.chown(path, "postgres", "postgres")


def write_file(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    give(path)
    return path


def environment(**more):
    """The environment of a started program: ours less what steers libpq."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env["LC_ALL"] = "C.UTF-8"
    env.update(more)
    return env


def spawn(args, as_root=False, death_signal=signal.SIGKILL, **options):
    """Starts ARGS in its own session (Ctrl-C is ours to handle) as the service
    user, or as we are with as_root."""
    def before_exec():
        _libc.prctl(PR_SET_PDEATHSIG, death_signal)

    identity = {} if as_root else _identity()
    options.setdefault("cwd", "/")
    options.setdefault("env", environment())
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(args, start_new_session=True,
                            preexec_fn=before_exec, **identity, **options)


def run(args, timeout=60, check=True, **options):
    """Runs ARGS to its end as the service user; returns the CompletedProcess
    with text output."""
    proc = spawn(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                 text=True, **options)
    try:
        out, err = proc.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        proc.kill()
        out, err = proc.communicate()
        raise RuntimeError(f"{args} took longer than {timeout} s\n{out}{err}")
    except BaseException:
        proc.kill()
        proc.wait()
        raise
    if check and proc.returncode != 0:
        raise RuntimeError(
            f"{args} ended with {proc.returncode}\n{out}{err}")
    return subprocess.CompletedProcess(args, proc.returncode, out, err)


_reserved = {}


def _reserve(port):
    """Keeps PORT from other runs of these tests until this process ends: who
    has the name has the port. False: it is another's, or ours already."""
    if port in _reserved:
        return False
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0pgweir-test-port-{port}")
    except OSError:
        mark.close()
        return False
    _reserved[port] = mark
    return True


def leave_port(port):
    """PORT, of free_port(), is used no more: other runs may have it. Every one
    that is kept costs a descriptor, and psycopg can use no more than 1024."""
    if _reserved.get(port) is not None:
        _reserved[port].close()
        _reserved[port] = None


def free_port():
    """A TCP port of 127.0.0.1 that is free now and was not handed out before,
    to no other run of the tests either; whoever binds it must still be ready to
    lose it to a stranger. Taken from below the range the kernel uses for
    outgoing connections, so that none of our own many clients grabs it in
    between."""
    for port in range(20000 + os.getpid() % 5000, 32000):
        if not _reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("no free port on 127.0.0.1")


def wait_until(predicate, deadline=10.0, what=None, pause=0.01):
    """Polls PREDICATE until it returns something true and returns that. Raises
    AssertionError after DEADLINE seconds, saying WHAT (a string or a function
    that returns one) was waited for."""
    end = time.monotonic() + deadline
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() >= end:
            text = what() if callable(what) else what or predicate.__name__
            raise AssertionError(f"after {deadline} s still not: {text}")
        time.sleep(pause)


def end_process(proc, how=signal.SIGTERM, deadline=20.0):
    """Sends HOW and waits; kills after DEADLINE. Returns the exit status."""
    if proc.poll() is None:
        proc.send_signal(how)
        try:
            proc.wait(deadline)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
    return proc.returncode


def process_state(pid):
    """As in ps: R runs, S sleeps, T is stopped, ..."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def is_running(pid):
    """Whether process PID is there and not a zombie: where the first process
    of a container collects none, a child's child stays one for ever."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
