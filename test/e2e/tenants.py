"""tenants.py - clients that are told apart by nothing but their settings: role,
search_path, row security, a setting of their own. All ask the same questions,
in the same words and under the same statement names, and each may only ever
see what is its own.
"""
import asyncio
import contextlib
import random

import wire
from crowd import Member, WrongAnswer
from wire import bind, close, describe, execute, parse, query, sync

COUNT = 50
ITEMS = ("select current_user::text, tenant, n::text,"
         " current_setting('my.tenant') from items")
SHARED = "select tenant from public.tenants_shared"
BLOCKED = ("42501", "query would be affected by row-level security policy")


def role_of(number):
    return f"tenant_{number}"


@contextlib.contextmanager
def tenants(cluster):
    """Roles and schemas of all, and a table they share row by row."""
    def each(text):
        return "; ".join(text.format(role=role_of(n), n=n)
                         for n in range(COUNT))

    with cluster.primary.connect() as conn:
        conn.execute(
            "create table tenants_shared (tenant text);"
            " create policy own on tenants_shared using"
            "  (tenant = current_user and"
            "   tenant = current_setting('my.tenant'));"
            " alter table tenants_shared enable row level security;"
            " grant select on tenants_shared to public;"
            " create role tenant_stranger; grant tenant_stranger to app")
        conn.execute(each(
            "create role {role}; grant {role} to app; create schema {role};"
            " create table {role}.items as select '{role}'::text as tenant,"
            " {n} as n; grant usage on schema {role} to {role};"
            " grant select on {role}.items to {role};"
            " insert into tenants_shared values ('{role}')"))
        try:
            yield
        finally:
            conn.execute("drop table tenants_shared cascade;"
                         " drop role tenant_stranger")
            conn.execute(each("drop schema {role} cascade;"
                              " drop role if exists {role}"))


class Tenant(Member):
    """WAY is how it says who it is: at startup, by SET, by a parameter of
    set_config(), or anew in each transaction."""

    WAYS = ("startup", "set", "parameter", "transaction")

    def __init__(self, proxy, number):
        super().__init__(proxy, role_of(number))
        self.number = number
        self.way = self.WAYS[number % len(self.WAYS)]
        self.sees_shared = number % 5 != 3
        self.role_is_gone = False
        self.errors = 0
        self.settings = {"role": self.token, "search_path": self.token,
                         "my.tenant": self.token,
                         "row_security": "on" if self.sees_shared else "off"}
        if self.way == "startup":
            self.params["options"] = " ".join(
                f"-c {key}={value}" for key, value in self.settings.items())

    # -- asking
    async def ask(self, *frames):
        """What came, for each Query and Sync: (rows, error's fields)."""
        self.writer.write(b"".join(frames))
        answers = []
        for _ in range(sum(frame[:1] in b"QS" for frame in frames)):
            got = await self.frames_until("Z")
            errors = [wire.fields_of(payload) for kind, payload in got
                      if kind == "E"]
            answers.append(([wire.row_of(payload) for kind, payload in got
                             if kind == "D"], errors[0] if errors else None))
        self.answers += len(answers)
        return answers

    async def sql(self, *texts):
        return await self.ask(*(query(text) for text in texts))

    def wrong(self, what):
        raise WrongAnswer(f"{self.token} ({self.way}): {what}")

    def expect(self, answers, *expected):
        """Each answer is its rows; or, once the role is gone, an error."""
        for (rows, error), wanted in zip(answers, expected):
            if error is not None and self.role_is_gone:
                self.errors += 1
                if rows:
                    self.wrong(f"{rows} and {error}")
            elif isinstance(wanted, tuple):
                if error is None or (error["C"], error["M"][:len(
                        wanted[1])]) != wanted:
                    self.wrong(f"{rows} {error} for {wanted}")
            elif error is not None or rows != wanted:
                if self.role_is_gone and rows == []:
                    continue
                self.wrong(f"{rows} {error} for {wanted}")

    @property
    def items(self):
        return [[self.token, self.token, str(self.number), self.token]]

    @property
    def shared(self):
        if self.sees_shared:
            return [[self.token]]
        return BLOCKED

    # -- being somebody
    async def begin(self):
        await self.login()
        if self.way == "set":
            await self.sql(*(f"set {key} = '{value}'" for key, value in
                             self.settings.items()))
        elif self.way == "parameter":
            await self.introduce("false")
        if self.way != "transaction":
            self.expect(await self.ask(
                parse(ITEMS, "s"), sync(), parse(SHARED, "t"), sync()),
                [], [] if self.sees_shared else BLOCKED)

    async def introduce(self, is_local):
        for key, value in self.settings.items():
            answers = await self.ask(
                parse(f"select set_config('{key}', $1, {is_local})"),
                bind([value]), execute(), sync())
            self.expect(answers, [[value]])

    # -- what it does all day
    async def simple(self):
        self.expect(await self.sql(ITEMS), self.items)

    async def named(self):
        self.expect(await self.ask(bind(statement="s"), describe(), execute(),
                                   sync()), self.items)

    async def unnamed(self):
        self.expect(await self.ask(parse(ITEMS), bind(), execute(), sync()),
                    self.items)

    async def unnamed_later(self):
        await self.ask(parse(ITEMS), sync())
        self.expect(await self.ask(bind(), execute(), sync(), bind(),
                                   execute(), sync()), self.items, self.items)

    async def shared_rows(self):
        # Where it is blocked, it could not be prepared either.
        known = (bind(statement="t") if self.sees_shared else
                 parse(SHARED) + bind()) + execute()
        self.expect(await self.ask(known, sync(), query(SHARED)),
                    self.shared, self.shared)

    async def in_transaction(self):
        answers = await self.sql("begin", ITEMS, ITEMS, "commit")
        self.expect(answers[1:3], self.items, self.items)

    async def pipeline(self):
        use = bind(statement="s") + execute()
        self.expect(await self.ask(
            use, sync(), query("select 1/0"), use, sync(), query(ITEMS)),
            self.items, ("22012", "division by zero"), self.items, self.items)

    async def bad_settings(self):
        await self.sql("set role nosuch", "set search_path to",
                       "set work_mem = 'bad'", "set row_security = maybe",
                       "select set_config('role', 'nosuch', false)",
                       "set session authorization bob",
                       "set my.tenant = 'x'; select 1/0")
        await self.simple()

    async def undone(self, rng):
        other = role_of(rng.randrange(COUNT))
        await self.sql("begin", f"set role {other}",
                       f"set local search_path = {other}",
                       f"set my.tenant = '{other}'", "savepoint a",
                       "reset role", "rollback to a",
                       rng.choice(["rollback", "select 1/0"]), "rollback")
        self.expect(await self.sql(ITEMS), self.items)

    async def somebody_else(self):
        answers = await self.sql("set role tenant_stranger", "select current_user",
                                 f"set role {self.token}")
        self.expect(answers[:2], [], [["tenant_stranger"]])
        self.expect(await self.sql(ITEMS), self.items)

    async def prepared_anew(self):
        self.expect(await self.ask(
            close("S", "s"), parse(ITEMS, "s"), bind(statement="s"),
            execute(), sync()), self.items)

    async def as_the_web_does(self):
        """Everything said anew, for one transaction."""
        if (await self.sql("begin"))[0][1] is not None:
            return
        await self.introduce("true")
        await self.ask(parse(ITEMS), bind(), execute(), sync(), query(SHARED))
        answers = await self.ask(query("rollback"), query("begin"))
        await self.introduce("true")
        answers = await self.ask(parse(ITEMS), bind(), execute(), sync(),
                                 query("commit"), query(
                                     "select current_user,"
                                     " coalesce(current_setting('my.tenant',"
                                     " true), '')"))
        self.expect(answers[:1], self.items)
        if answers[-1] != ([["app", ""]], None):
            self.wrong(f"{answers[-1]} after a transaction")

    async def live(self, rng, rounds):
        for _ in range(rounds):
            if self.way == "transaction":
                await self.as_the_web_does()
            else:
                act = rng.choice([
                    self.simple, self.named, self.named, self.unnamed,
                    self.unnamed_later, self.shared_rows, self.shared_rows,
                    self.in_transaction, self.pipeline, self.bad_settings,
                    self.prepared_anew, self.somebody_else,
                    lambda: self.undone(rng)])
                await act()

    async def leave(self):
        """The session has lived through all of it."""
        answers = await self.sql("rollback", "reset role", "set role none",
                                 "select current_user")
        if answers[-1] != ([["app"]], None):
            self.wrong(f"{answers} in the end")
        await self.close()


def run_tenants(proxy, cluster, rounds, dropped=(), seed=1):
    """All live at once; half-way the roles of some are DROPPED."""
    rng = random.Random(seed)
    everybody = [Tenant(proxy, number) for number in range(COUNT)]

    async def phase():
        await asyncio.gather(*(one.live(random.Random(rng.random()), rounds)
                               for one in everybody))

    async def drop_roles():
        for number in dropped:
            everybody[number].role_is_gone = True

        def work():
            with cluster.primary.connect() as conn:
                for number in dropped:
                    role = role_of(number)
                    conn.execute(f"drop owned by {role}; drop role {role}")
        await asyncio.get_running_loop().run_in_executor(None, work)

    async def story():
        for one in everybody:
            await one.begin()
        await phase()
        await asyncio.gather(drop_roles(), phase())
        for one in everybody:
            await one.leave()

    asyncio.run(story())
    return everybody
