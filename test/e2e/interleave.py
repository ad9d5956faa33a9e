"""interleave.py - random clients that share few servers, and how to tell that
they do not notice.

A tale is what some clients do, one step at a time: startup parameters by
client, and a list of (client, step), where a step is Python text in the words
of wire.py and evaluates to what is sent in one write. So a tale can be printed,
shortened, and kept in tales.py.

A step whose client could not get a server, because others keep them all in
transactions, is left out, both with and without pgweir.
"""
import contextlib
import random
import re
from collections import namedtuple

import wire
from twoway import Session, types_in

Tale = namedtuple("Tale", "params steps")

WORDS = {name: getattr(wire, name) for name in (
    "bind", "close", "describe", "execute", "flush", "parse", "query", "sync")}
NAMES = ("s", "t", "pgweir_1")

SETTINGS = [
    ("work_mem", ["'5MB'", "'6MB'", "'bad'"]),
    ("my.tenant", ["'x'", "'it''s'", r"'a\\b'", "''"]),
    ("search_path", ["tw_x", "tw_y, tw_x", "'tw, \"z'", "\"tw, \"\"z\"", "''"]),
    ("datestyle", ["'German'", "'ISO, DMY'", "'SQL'", "'Klingon'"]),
    ("timezone", ["'Asia/Tokyo'", "-3", "'Nowhere'"]),
    ("standard_conforming_strings", ["off", "on"]),
    ("role", ["bob", "app", "none", "nosuch"]),
    ("client_encoding", ["'LATIN1'", "'UTF8'"]),
    ("statement_timeout", ["'77s'", "0"]),
    ("application_name", ["'b'", "''"]),
    ("default_transaction_isolation", ["'repeatable read'"]),
    ("bytea_output", ["escape"]),
]
ASK = [
    "show work_mem", "show timezone", "select current_user",
    "select current_setting('my.tenant')", "select v::text from tt",
    "select date '2020-04-03', timestamptz '2020-01-01 00:00Z'",
    "select v from tw_x.tt", r"select 'a\\b'", "select 'abc'::bytea",
    "show transaction_isolation", "show search_path",
    "select current_setting('standard_conforming_strings')",
    "select count(*) from tw where i = {me}", "select chr(233)",
    "show transaction_read_only", "select current_setting('role')"]
DO = ["insert into tw values ({me})", "delete from tw where i = {me}",
      "insert into tw_unique values ({me}), ({me})",
      "set constraints all deferred", "set constraints all immediate"]
FAIL = ["select 1/0", "selec", "select nothing", "select * from nowhere"]
TRANSACTION = [
    "begin", "begin", "begin", "begin isolation level repeatable read",
    "begin read only", "commit", "commit", "commit", "rollback", "rollback",
    "savepoint a", "savepoint b", "savepoint a", "release a", "release b",
    "rollback to a", "rollback to b", "commit and chain",
    "rollback and chain"]
ALL_OF_IT = ["reset all", "discard all", "deallocate all", "deallocate s",
             "deallocate t", "discard plans", "deallocate pgweir_1"]
# What is prepared: text and number of parameters.
PREPARED = [
    ("select 1 as one", 0), ("select 'two' as two", 0),
    ("select $1::int + 1", 1), ("select v::text from tt", 0),
    ("select current_user", 0), ("show work_mem", 0),
    ("select current_setting('my.tenant')", 0), (r"select 'a\\b'", 0),
    ("select $1::date", 1), ("insert into tw values ({me})", 0),
    ("select count(*) from tw where i = {me}", 0), ("begin", 0),
    ("commit", 0), ("rollback", 0), ("set work_mem = '7MB'", 0),
    ("set local work_mem = '8MB'", 0), ("reset work_mem", 0),
    ("set role bob", 0), ("select set_config('my.tenant', $1, false)", 1),
    ("select set_config('my.tenant', $1, true)", 1),
    ("select set_config('work_mem', $1, false)", 1), ("select 1/0", 0),
    ("selec", 0), ("select * from nothing", 0), ("deallocate s", 0),
    ("discard all", 0), ("", 0)]
VALUES = ["7", "x", "03-04-2020", "7MB", None]
STARTUP = [{}, {"datestyle": "German"}, {"timezone": "Asia/Tokyo"},
           {"search_path": "tw_x"}, {"options": "-c work_mem=6MB"},
           {"options": "-c role=bob"}, {"client_encoding": "LATIN1"},
           {"options": "-c standard_conforming_strings=off"},
           {"application_name": "mine"}]


# ---- making -------------------------------------------------------------------
class Maker:
    """Makes one tale from SEED, without steps that have a word of LEAVE_OUT
    in them."""

    def __init__(self, seed, leave_out=(), clients="abcd"):
        self.random = random.Random(seed)
        self.leave_out = leave_out
        self.clients = clients

    def tale(self):
        choice = self.random.choice
        params = {}
        for client in self.clients:
            params[client] = dict(choice(STARTUP))
            # Once set on a server, a placeholder is never quite unset again.
            more = params[client].get("options", "")
            params[client]["options"] = f"{more} -c my.tenant={client}".strip()
        steps, client = [], choice(self.clients)
        for _ in range(self.random.randint(8, 28)):
            if self.random.random() < 0.6:
                client = choice(self.clients)
            me = str(100 + self.clients.index(client))
            step = self.step().replace("{me}", me)
            if not any(word in step for word in self.leave_out):
                steps.append((client, step))
        return Tale(params, steps)

    def step(self):
        kind = self.random.choices(
            (self.simple, self.several, self.queries, self.batches,
             self.named, self.unnamed), (40, 8, 6, 14, 24, 8))[0]
        return kind()

    def text(self):
        return self.random.choices(
            (self.setting, self.ask, self.transaction,
             lambda: self.random.choice(DO), lambda: self.random.choice(FAIL),
             lambda: self.random.choice(ALL_OF_IT)),
            (30, 28, 24, 8, 4, 5))[0]()

    def ask(self):
        return self.random.choice(ASK)

    def transaction(self):
        return self.random.choice(TRANSACTION)

    def setting(self):
        name, values = self.random.choice(SETTINGS)
        value = self.random.choice(values)
        quoted = value if value[0] == "'" else f"'{value}'"
        return self.random.choices(
            (f"set {name} = {value}", f"set local {name} = {value}",
             f"reset {name}", f"set {name} to default",
             f"select set_config('{name}', {quoted}, false)",
             f"select set_config('{name}', {quoted}, true)"),
            (10, 5, 3, 2, 3, 3))[0]

    def simple(self):
        return f"query({self.text()!r})"

    def several(self):
        texts = [self.text() for _ in range(self.random.randint(2, 4))]
        return f"query({'; '.join(texts)!r})"

    def queries(self):
        return " + ".join(self.simple()
                          for _ in range(self.random.randint(2, 4)))

    def one_shot(self):
        return (f"parse({self.text()!r}) + bind() + describe() + execute()"
                + self.random.choice([" + sync()", " + sync()", ""]))

    def batches(self):
        parts = [self.one_shot() for _ in range(self.random.randint(1, 4))]
        return " + ".join(parts) + " + sync()"

    def parsed(self, name):
        text, count = self.random.choice(PREPARED)
        return f"parse({text!r}, {name!r})", count

    def bound(self, name):
        """A Bind that fits one statement in two or so."""
        text = self.random.choice(VALUES)
        params = [] if self.random.random() < 0.6 else [text]
        return f"bind({params!r}, {name!r})"

    def named(self):
        parts = []
        for _ in range(self.random.randint(1, 5)):
            name = self.random.choice(NAMES)
            parts += self.random.choices(
                (lambda: [self.parsed(name)[0]],
                 lambda: [f"close('S', {name!r})", self.parsed(name)[0]],
                 lambda: [self.bound(name), "execute()"],
                 lambda: [self.bound(name), "describe()", "execute()"],
                 lambda: [f"describe('S', {name!r})"],
                 lambda: [f"close('S', {name!r})"],
                 lambda: ["sync()"],
                 lambda: ["flush()", "sync()"]),
                (8, 5, 10, 5, 2, 2, 4, 1))[0]()
        return " + ".join(parts + ["sync()"])

    def unnamed(self):
        return self.random.choice([
            lambda: self.parsed("")[0],
            lambda: self.bound("") + " + execute()",
            lambda: "describe('S')", lambda: "close('S')"])() + " + sync()"


# ---- running ------------------------------------------------------------------
def said(step):
    """The bytes of a step."""
    data = eval(step, WORDS)
    return data if isinstance(data, bytes) else b"".join(data)


def run_tale(login, tale, servers, chosen=None):
    """Returns what each step saw, None for those left out, and how each client
    ended. CHOSEN, from an earlier run: which steps not to leave out."""
    with contextlib.ExitStack() as stack:
        sessions = {name: Session(stack.enter_context(
            login(user="app", **params)))
            for name, params in tale.params.items()}
        seen = []
        for number, (name, step) in enumerate(tale.steps):
            others = sum(session.keeps_its_server
                         for key, session in sessions.items() if key != name)
            goes = others < servers if chosen is None else chosen[number]
            seen.append(sessions[name].run((said(step),)) if goes else None)
        # Those in transactions first: the others need their servers.
        order = sorted(sessions, key=lambda name:
                       not sessions[name].keeps_its_server)
        return seen, {name: sessions[name].end() for name in order}


class Difference(AssertionError):
    pass


def compare(direct, proxied, tale, servers, level):
    """Raises Difference when the tale is not the same both ways. LEVEL makes
    the ground what it was."""
    level()
    expected, ends = run_tale(direct, tale, servers)
    level()
    try:
        seen, got = run_tale(proxied, tale, servers,
                             [want is not None for want in expected])
    except (AssertionError, OSError, wire.Closed, wire.WireError) as problem:
        raise Difference(f"{type(problem).__name__}: {problem}") from problem
    for number, (want, have) in enumerate(zip(expected, seen)):
        if want != have and _goes_its_own_way(tale, expected, number, have):
            return
        if not _alike(tale.steps[number][1], want, have):
            raise Difference(f"step {number}, {tale.steps[number]}:\n"
                             f"  directly {want}\n  pgweir   {have}")
    for name in ends:
        if ends[name] != got[name]:
            raise Difference(f"{name} in the end: "
                             f"{_unlike(ends[name], got[name])}")


# What the documentation says about these: doc/session.md.
ABORTED = ("C", "25P02")
NAMED = re.compile(r'prepared statement "[^"]*"')
REWRITTEN = re.compile(r"(reset|deallocate|default)\b[^)]*;", re.I)


# Behind a RESET the client's own value is set by a SELECT.
RESETS = re.compile(r"reset|discard|default", re.I)
LATE = "SET TRANSACTION ISOLATION LEVEL must be called before any query"
LOST = "unnamed prepared statement does not exist"
UNNAMED = re.compile(r"parse\(('[^']*'|\"[^\"]*\")\)")


def _goes_its_own_way(tale, expected, number, have):
    """Whether step NUMBER, of which pgweir makes HAVE, begins what is known to
    be another story."""
    client, step = tale.steps[number]
    messages = [dict(got[1]).get("M") for got in have or () if got[0] == "E"]
    if LATE in messages:
        return RESETS.search(step) is not None
    if any(message.startswith("current transaction is aborted")
           for message in messages):
        # What had to be prepared for it there cannot be.
        return expected[number][-1] == ("Z", b"E") == have[-1]
    return LOST in messages and any(
        name == client and seen and len(UNNAMED.findall(before)) > 1
        and any(got[0] == "E" for got in seen)
        for (name, before), seen in zip(tale.steps[:number],
                                        expected[:number]))


def _alike(step, want, have):
    if want == have or want is None or have is None:
        return want == have
    want, have = _reported_last(want), _reported_last(have)
    is_rewritten = REWRITTEN.search(step) is not None
    return len(want) == len(have) and all(
        _frames_alike(one, other, is_rewritten)
        for one, other in zip(want, have))


def _reported_last(seen):
    """With what is reported of parameters behind what was answered before the
    same ReadyForQuery, in whichever order that came."""
    batches, batch = [], []
    for got in seen:
        batch.append(got)
        if got[0] == "Z":
            batches += sorted(batch, key=lambda one: "SZ".find(one[0]))
            batch = []
    return batches + batch


def _frames_alike(want, have, is_rewritten):
    if want == have or want[0] != "E" or have[0] != "E":
        return want == have
    one, other = dict(want[1]), dict(have[1])
    if ABORTED in have[1]:
        # A transaction has failed: PostgreSQL looks at the parameters first.
        return one["C"] == "08P01"
    # Of two names for one text any may be told, and behind a RESET or
    # DEALLOCATE in one text the position is that in the text as it was sent.
    for fields in (one, other):
        fields["M"] = NAMED.sub("prepared statement", fields["M"])
        if is_rewritten:
            fields.pop("P", None)
    return one == other


def _unlike(one, other):
    """The words in which two ends differ."""
    one, other = (repr(end).split(" ") for end in (one, other))
    return " / ".join(f"{a} is {b}" for a, b in zip(one, other) if a != b)


# ---- shortening ---------------------------------------------------------------
def shorten(tale, fails, budget):
    """Leaves out steps, then clients and parameters, as long as the tale still
    FAILS(); at most BUDGET() more attempts are made while it says true."""
    def attempt(steps, params=tale.params):
        return budget() and fails(Tale(params, steps))

    steps, size = list(tale.steps), max(1, len(tale.steps) // 2)
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size:]
            if attempt(fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    steps = _parts_left_out(steps, attempt)
    params = dict(tale.params)
    for name in list(params):
        for smaller in (None, {"options": f"-c my.tenant={name}"}):
            if smaller is None and any(step[0] == name for step in steps):
                continue
            fewer = {key: value for key, value in params.items()
                     if key != name}
            if smaller is not None:
                fewer[name] = smaller
            if attempt(steps, fewer):
                params = fewer
                break
    return Tale(params, steps)


def _parts_left_out(steps, attempt):
    """Messages of a step that are not needed."""
    for number, (name, step) in enumerate(steps):
        parts = step.split(" + ")
        at = 0
        while len(parts) > 1 and at < len(parts):
            fewer = parts[:at] + parts[at + 1:]
            shorter = list(steps)
            shorter[number] = (name, " + ".join(fewer))
            if _ends_well(fewer) and attempt(shorter):
                parts, steps = fewer, shorter
            else:
                at += 1
    return steps


def _ends_well(parts):
    try:
        return types_in(said(" + ".join(parts)))[-1] in "QS"
    except (SyntaxError, TypeError):
        return False


def printed(tale):
    """As it stands in tales.py."""
    lines = ["Tale({"]
    lines += [f"    {name!r}: {params!r}," for name, params in
              sorted(tale.params.items())]
    lines += ["}, ["]
    lines += [f"    ({name!r}, {step!r})," for name, step in tale.steps]
    return "\n".join(lines + ["])"])
