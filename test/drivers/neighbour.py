"""neighbour.py - another session on the same pool, looking for trespassers.

It runs under settings of its own and prepares texts of its own under the names
the driver beside it uses. In every turn it looks whether it was given its own
answers under its own settings.
"""
import contextlib
import threading

import wire

SETTINGS = {"search_path": "neighbour", "TimeZone": "Asia/Tokyo",
            "DateStyle": "SQL, DMY", "work_mem": "7777kB",
            "my.tenant": "neighbour {}"}
MOMENT = "01/02/2020 09:00:00 JST"


class Neighbour(threading.Thread):
    def __init__(self, proxy, number, names):
        super().__init__(name=f"neighbour {number}")
        self.number = number
        self.names = names
        self.turns = 0
        self.settled = threading.Event()
        self.problem = None
        self.stopping = threading.Event()
        self.conn = proxy.login(application_name=f"neighbour {number}",
                                deadline=30.0)

    def run(self):
        try:
            self._settle()
            while not self.stopping.is_set():
                self._turn()
                self.turns += 1
                self.settled.set()
        except Exception as problem:  # shown by end()
            self.problem = problem
            self.settled.set()
        finally:
            self.conn.close()

    def _ask(self, frames):
        self.conn.send(frames)
        return self.conn.read_result().rows

    def _expect(self, frames, *rows):
        found = self._ask(frames)
        if found != list(rows):
            raise AssertionError(f"{self.name} was answered {found} instead"
                                 f" of {list(rows)}")

    def _settle(self):
        for key, value in SETTINGS.items():
            self._ask(wire.query(
                f"set {key} to {_value(key, value, self.number)}"))
        self._ask(wire.query("set role bob"))
        for name in self.names:
            self._ask(wire.parse(self._text(name), name) + wire.sync())

    def _text(self, name):
        """Not read-only for certain, and not what a driver would ask."""
        return (f"select '{name} of {self.number}', $1::text,"
                " current_setting('search_path'), current_user::text")

    def _turn(self):
        turn = str(self.turns)
        for name in self.names:
            self._expect(
                wire.bind([turn], name) + wire.execute() + wire.sync(),
                [f"{name} of {self.number}", turn, "neighbour", "bob"])
        self._expect(
            wire.query("select timestamptz '2020-02-01 00:00Z', name,"
                       " current_setting('work_mem'),"
                       " current_setting('my.tenant') from item"),
            [MOMENT, "neighbour's", "7777kB", f"neighbour {self.number}"])
        # Not the time zone: changing how literals are read pins whoever has
        # prepared some.
        for sql in ("begin", "set local work_mem to '8888kB'", "rollback"):
            self._ask(wire.query(sql))

    def end(self):
        """Stops it and returns what it found wrong, or None."""
        self.stopping.set()
        self.join(60)
        if self.problem is not None:
            return f"{self.name}, turn {self.turns}: {self.problem!r}"
        if self.is_alive() or self.turns == 0:
            return f"{self.name} hangs in turn {self.turns}"
        return None


@contextlib.contextmanager
def neighbours(proxy, count, names):
    """COUNT of them at work; gives a list that has their complaints after the
    end."""
    problems = []
    beside = [Neighbour(proxy, number, names) for number in range(count)]
    for one in beside:
        one.start()
    try:
        for one in beside:
            one.settled.wait(30)
        yield problems
    finally:
        problems += [problem for problem in [one.end() for one in beside]
                     if problem is not None]


def _value(key, value, number):
    if key in ("DateStyle", "search_path"):
        return value
    return "'" + value.format(number) + "'"
