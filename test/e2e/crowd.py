"""crowd.py - very many clients at once, each checking that every answer is its
own. One asyncio loop; the protocol by wire.py's frames."""
import asyncio
import random
import struct

import wire
from cluster import WHO


class WrongAnswer(AssertionError):
    pass


class Member:
    """One client. Its token is in every question and must be in the answer."""

    def __init__(self, proxy, token, user="app", database="app"):
        self.proxy = proxy
        self.token = token
        self.params = {"user": user, "database": database}
        self.answers = 0
        self.nodes = {}

    async def login(self):
        self.reader, self.writer = await asyncio.open_connection(
            self.proxy.host, self.proxy.port)
        self.writer.write(wire.startup(self.params))
        for kind, payload in await self.frames_until("Z"):
            if kind == "E":
                raise wire.WireError(wire.fields_of(payload))

    async def frames_until(self, last):
        frames = []
        while True:
            kind, size = struct.unpack("!cI", await self.reader.readexactly(5))
            frames.append((kind.decode(),
                           await self.reader.readexactly(size - 4)))
            if frames[-1][0] == last:
                return frames
            if frames[-1][0] == "E" and wire.fields_of(
                    frames[-1][1])["S"] == "FATAL":
                raise wire.WireError(wire.fields_of(frames[-1][1]))

    def check(self, frames, expected=None):
        rows = [wire.row_of(payload) for kind, payload in frames
                if kind == "D"]
        errors = [wire.fields_of(payload) for kind, payload in frames
                  if kind == "E"]
        if errors:
            raise WrongAnswer(f"{self.token}: {errors}")
        for row in rows:
            if row[0] != (expected or self.token):
                raise WrongAnswer(f"{self.token} was answered {row}")
            self.answers += 1
            if len(row) > 1:
                self.nodes[row[1]] = self.nodes.get(row[1], 0) + 1
        return rows

    NODE = WHO

    async def read(self):
        """A simple query."""
        self.writer.write(wire.query(f"select '{self.token}', {self.NODE}"))
        rows = self.check(await self.frames_until("Z"))
        assert len(rows) == 1

    async def read_extended(self):
        """Two batches in one write."""
        one = (wire.parse(f"select $1::text, {self.NODE}")
               + wire.bind([self.token]) + wire.describe() + wire.execute()
               + wire.sync())
        self.writer.write(one + one)
        for _ in range(2):
            assert len(self.check(await self.frames_until("Z"))) == 1

    async def transaction(self):
        for sql in ("begin", f"select '{self.token}', {self.NODE}",
                    f"select '{self.token}' from generate_series(1, 50)",
                    "commit"):
            self.writer.write(wire.query(sql))
            self.check(await self.frames_until("Z"))

    async def failing(self):
        self.writer.write(wire.query(f"select '{self.token}'::int"))
        frames = await self.frames_until("Z")
        error = wire.fields_of(frames[0][1])
        if error["C"] != "22P02" or self.token not in error["M"]:
            raise WrongAnswer(f"{self.token}: {error}")

    async def close(self):
        self.writer.write(wire.terminate())
        self.writer.close()

    def die(self, rng):
        """Leaves at a random point: in the midst of a message, with a query
        running, inside a transaction, in a copy."""
        last = rng.choice([
            b"", wire.query("select 'x'")[:rng.randrange(1, 12)],
            wire.query("begin; select pg_sleep(0.05)"),
            wire.query("begin"), wire.query("select 1/0; select 1"),
            wire.parse("select 1") + wire.bind(),
            wire.query("select repeat('x', 500000)"),
            wire.query("set work_mem = '7MB'"),
            wire.query("copy (select generate_series(1, 90000)) to stdout")])
        self.writer.write(last)
        if rng.random() < 0.5:
            self.writer.transport.abort()
        else:
            self.writer.close()


async def live(member, rng, rounds, may_die):
    """Logs in, asks ROUNDS times, leaves; a mortal one may vanish."""
    await member.login()
    for _ in range(rounds):
        act = rng.choice([member.read, member.read, member.read_extended,
                          member.transaction, member.failing])
        await act()
        if may_die and rng.random() < 0.2:
            member.die(rng)
            return
        await asyncio.sleep(0)
    await member.close()


def run_crowd(proxy, count, rounds, mortal_share=0.0, seed=1, users=("app",)):
    """COUNT clients at once, all of them checked; returns them."""
    rng = random.Random(seed)
    members = [Member(proxy, f"token-{seed}-{i}", users[i % len(users)])
               for i in range(count)]

    async def everyone():
        await asyncio.gather(*(
            live(member, random.Random(rng.random()), rounds,
                 rng.random() < mortal_share) for member in members))

    asyncio.run(everyone())
    return members
