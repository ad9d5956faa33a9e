"""SQLAlchemy as it comes: its pool, its transactions and its ORM, over psycopg2;
and its asyncio half over asyncpg."""
import asyncio
import os

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, relationship, Session

from day import main, say, scenario

URL = "postgresql+psycopg2://"
Base = declarative_base()


class Author(Base):
    __tablename__ = "author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False, unique=True)
    books = relationship("Book", back_populates="author",
                         cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text)
    facts = sa.Column(sa.JSON)
    author_id = sa.Column(sa.ForeignKey("author.id"))
    author = relationship("Author", back_populates="books")


def engine_of(**more):
    more.setdefault("pool_size", 1)
    more.setdefault("max_overflow", 0)
    return sa.create_engine(URL, **more)


def fresh(engine):
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)


def refused(work):
    try:
        say("accepted", work())
    except sa.exc.DBAPIError as problem:
        say("refused", type(problem).__name__, problem.orig.pgcode)


@scenario("schema and its inspection")
def _():
    engine = engine_of()
    fresh(engine)
    seen = sa.inspect(engine)
    say(sorted(seen.get_table_names()),
        [column["name"] for column in seen.get_columns("book")],
        seen.get_pk_constraint("author"), seen.get_foreign_keys("book"),
        seen.get_unique_constraints("author"))
    other = sa.MetaData()
    other.reflect(engine, schema="tenant_1")
    say(sorted(other.tables))
    engine.dispose()


@scenario("sessions of the ORM")
def _():
    engine = engine_of()
    fresh(engine)
    with Session(engine) as session:
        for i in range(5):
            session.add(Author(name=f"author {i}", books=[
                Book(title=f"title {i}.{j}", facts={"pages": 10 * j})
                for j in range(3)]))
        session.commit()
        say(session.query(Author).count(), session.query(Book).count())
        first = session.query(Author).filter_by(name="author 0").one()
        say([book.title for book in first.books])
        first.books[0].title = "changed"
        session.flush()
        session.rollback()
        say(first.books[0].title)
        session.delete(first)
        session.commit()
    with Session(engine) as session:
        found = session.execute(
            sa.select(Author).options(sa.orm.selectinload(Author.books))
            .order_by(Author.id)).scalars().all()
        say([(author.name, len(author.books)) for author in found])
        say(session.execute(
            sa.select(Author.name, sa.func.count(Book.id)).join(Book)
            .where(Book.title.like("title 2%")).group_by(Author.name)).all())
        say(session.execute(sa.update(Book).values(title="same").where(
            Book.author_id == found[0].id)).rowcount)
        session.commit()
        say(sorted(session.scalars(sa.select(Book.title).distinct())))
    engine.dispose()


@scenario("errors and savepoints")
def _():
    engine = engine_of()
    fresh(engine)
    with Session(engine) as session:
        session.add(Author(name="one"))
        session.commit()
        session.add(Author(name="one"))
        refused(session.commit)
        session.rollback()
        for name in ("two", "one", "three"):
            try:
                with session.begin_nested():
                    session.add(Author(name=name))
            except sa.exc.IntegrityError as problem:
                say(name, problem.orig.pgcode)
        session.commit()
        say(sorted(session.scalars(sa.select(Author.name))))
    with engine.connect() as conn:
        refused(lambda: conn.execute(sa.text("selec 1")))
        refused(lambda: conn.execute(sa.text("select 1")).scalar())
        conn.rollback() if hasattr(conn, "rollback") else None
    with engine.connect() as conn:
        say(conn.execute(sa.text("select 1")).scalar())
    engine.dispose()


@scenario("isolation levels")
def _():
    for level in ("SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"):
        engine = engine_of(isolation_level=level)
        with engine.connect() as conn:
            say(level, conn.execute(
                sa.text("show transaction_isolation")).scalar())
        with engine.connect().execution_options(
                isolation_level="READ COMMITTED") as conn:
            say(conn.execute(sa.text("show transaction_isolation")).scalar())
        with engine.connect() as conn:
            say(conn.execute(sa.text("show transaction_isolation")).scalar())
        engine.dispose()
    engine = engine_of()
    fresh(engine)
    with engine.connect().execution_options(
            postgresql_readonly=True) as conn:
        refused(lambda: conn.execute(
            sa.text("insert into author (name) values ('x')")).rowcount)
    with engine.begin() as conn:
        say(conn.execute(
            sa.text("insert into author (name) values ('x')")).rowcount)
    engine.dispose()


@scenario("pool of the driver")
def _():
    engine = engine_of(pool_pre_ping=True, connect_args={
        "options": "-c search_path=tenant_2"})

    @sa.event.listens_for(engine, "connect")
    def set_up(conn, _):
        with conn.cursor() as cur:
            cur.execute("set TimeZone to 'Asia/Kolkata'")
        conn.commit()

    moment = sa.text("select timestamptz '2020-02-01 00:00Z'::text, name"
                     " from item where id = :id")
    for i in range(6):
        with engine.connect() as conn:
            say(conn.execute(moment, {"id": i}).one())
            conn.execute(sa.text(f"set search_path to tenant_{i % 4}"))
            say(conn.execute(moment, {"id": i}).one())
            # Undone by the pool, which rolls back.
    engine.dispose()


@scenario("tenants by schema")
def _():
    engine = engine_of()
    item = sa.Table("item", sa.MetaData(), sa.Column("id", sa.Integer),
                    sa.Column("name", sa.Text))
    for i in range(8):
        with engine.connect().execution_options(
                schema_translate_map={None: f"tenant_{i % 4}"}) as conn:
            say(conn.execute(sa.select(item).where(item.c.id == i)).one())
        with engine.begin() as conn:
            conn.execute(sa.text(f"set local search_path to tenant_{i % 4}"))
            say(conn.execute(sa.select(item).where(item.c.id == i)).one())
    engine.dispose()


@scenario("rows in a stream and many at once")
def _():
    engine = engine_of()
    fresh(engine)
    with engine.begin() as conn:
        conn.execute(sa.insert(Author), [
            {"name": f"name {i}"} for i in range(500)])
    with engine.connect().execution_options(stream_results=True) as conn:
        result = conn.execute(sa.select(Author.name).order_by(Author.id))
        say(len(result.fetchmany(70)), sum(1 for _ in result))
    with Session(engine) as session:
        say(sum(1 for _ in session.execute(
            sa.select(Author).execution_options(yield_per=50)).scalars()))
    with engine.begin() as conn:
        say([row.id for row in conn.execute(sa.insert(Book).returning(
            Book.id).values([{"title": "a"}, {"title": "b"}]))])
    engine.dispose()


@scenario("two phases")
def _():
    engine = engine_of()
    fresh(engine)
    for keep in (True, False):
        with engine.connect() as conn:
            work = conn.begin_twophase(f"drivers {keep}")
            conn.execute(sa.insert(Author).values(name=f"phase {keep}"))
            work.prepare()
            work.commit() if keep else work.rollback()
    with engine.connect() as conn:
        say(conn.execute(sa.select(Author.name)).all())
    engine.dispose()


@scenario("asyncio over asyncpg")
def _():
    async def work():
        engine = create_async_engine("postgresql+asyncpg://", pool_size=1,
                                     max_overflow=0, connect_args={
                                         "ssl": False})
        async with engine.begin() as conn:
            await conn.run_sync(Base.metadata.drop_all)
            await conn.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            for i in range(6):
                session.add(Author(name=f"author {i}",
                                   books=[Book(title=f"title {i}")]))
                await session.commit()
            try:
                session.add(Author(name="author 1"))
                await session.commit()
            except sa.exc.IntegrityError as problem:
                say(problem.orig.pgcode)
                await session.rollback()
            for i in range(6):
                say((await session.execute(
                    sa.select(Author.name, Book.title).join(Book).where(
                        Author.name == f"author {i}"))).all())
                await session.commit()
        async with engine.connect() as conn:
            total = 0
            async for row in await conn.stream(
                    sa.text("select generate_series(1, 300)")):
                total += row[0]
            say(total)
        await engine.dispose()

    asyncio.run(work())


def crowd():
    count = int(os.environ["CROWD"])
    engine = engine_of(pool_size=count)
    conns = []
    for i in range(count):
        conn = engine.connect().execution_options(
            isolation_level="AUTOCOMMIT")
        conn.execute(sa.text(f"set search_path to tenant_{i % 4}"))
        conn.execute(sa.text(f"set TimeZone to 'Etc/GMT+{i}'"))
        conns.append(conn)
    for turn in range(8):
        for i, conn in enumerate(conns):
            say(i, conn.execute(
                sa.text("select name, :turn, current_setting('TimeZone')"
                        " from item where id = :id"),
                {"id": i, "turn": turn}).one())
    for i, conn in enumerate(conns):
        conn.execute(sa.text("update item set name = name || :i where id = 9"),
                     {"i": str(i)})
    for conn in conns:
        say(conn.execute(sa.text("select name from item where id = 9")).one())
        conn.close()
    engine.dispose()


main(crowd)
