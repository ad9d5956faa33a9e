"""login_once.py - one login and one query: "login_once.py DRIVER QUERY", with
the database in the PG* variables of libpq. Prints the columns of the first row,
or the SQLSTATE (psycopg has none of a login: the message) of a refusal.
"""
import asyncio
import os
import ssl
import sys


def by_psycopg(query):
    import psycopg

    try:
        with psycopg.connect("") as conn:
            return conn.execute(query).fetchone()
    except psycopg.OperationalError as problem:
        return [str(problem)]


async def by_asyncpg(query):
    import asyncpg

    context = False
    if os.environ["PGSSLMODE"] == "verify-full":
        context = ssl.create_default_context(
            cafile=os.environ["PGSSLROOTCERT"])
    try:
        conn = await asyncpg.connect(ssl=context)
    except asyncpg.InvalidAuthorizationSpecificationError as problem:
        return [problem.sqlstate]
    row = await conn.fetchrow(query)
    await conn.close()
    return row


if __name__ == "__main__":
    driver, statement = sys.argv[1:]
    found = by_psycopg(statement) if driver == "psycopg" \
        else asyncio.run(by_asyncpg(statement))
    print("|".join(map(str, found)))
