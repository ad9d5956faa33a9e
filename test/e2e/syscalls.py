"""syscalls.py - counts the system calls of a running process with strace."""
import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections import Counter

from procs import end_process, spawn, wait_until

CALL = re.compile(r"^(?:\d+ +)?(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed>)")


def _tracer_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("TracerPid:"))


@contextlib.contextmanager
def counted(pid):
    """Yields a Counter, filled with the calls by name when the block is left.
    Needs to be root, or allowed to trace a process of one's own."""
    calls = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "calls")
        tracer = spawn(["strace", "-qq", "-p", str(pid), "-o", path],
                       as_root=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
        wait_until(lambda: _tracer_of(pid) or tracer.poll() is not None, 10,
                   "strace has attached")
        if tracer.poll() is not None:
            raise RuntimeError(f"strace: {tracer.stdout.read()}")
        try:
            yield calls
        finally:
            end_process(tracer, signal.SIGINT)
            wait_until(lambda: not _tracer_of(pid), 10, "strace has gone")
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                found = CALL.match(line)
                if found and "<unfinished ...>" not in line:
                    calls[found[1]] += 1
