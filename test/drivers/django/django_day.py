"""Django as it comes: its migrations, its ORM, its server-side cursors (WITH HOLD
outside transactions), a setting of the time zone with each connection."""
import contextlib
import copy
import io
import os

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"], "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"], "USER": os.environ["PGUSER"],
        "PASSWORD": os.environ["PGPASSWORD"], "CONN_MAX_AGE": 600}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.postgres",
                    "library"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True, TIME_ZONE="Europe/Berlin", SECRET_KEY="of no use")
django.setup()

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import (DatabaseError, IntegrityError, connection, connections,
                       transaction)
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDay, Upper
from django.utils import timezone

from day import main, say, scenario
from library.models import Author, Book


def rows(sql, params=None):
    with connection.cursor() as cur:
        cur.execute(sql, params)
        return cur.fetchall()


@contextlib.contextmanager
def migrated():
    """An empty library. The connection is kept from one scenario to the next:
    a new one might be shown what a replica has so far."""
    call_command("migrate", verbosity=0, interactive=False)
    Author.objects.all().delete()
    yield


@scenario("migrations")
def _():
    out = io.StringIO()
    call_command("migrate", verbosity=1, interactive=False, stdout=out)
    say(*[line.strip() for line in out.getvalue().splitlines()
          if "library" in line or "auth" in line])
    say(list(Author.objects.values_list("name", flat=True)),
        sorted(name for name in connection.introspection.table_names()
               if name.startswith("library")))
    call_command("migrate", "library", "0001", verbosity=0)
    call_command("migrate", "library", verbosity=0)
    say(rows("select indexname from pg_indexes where indexname ="
             " 'book_pages'"))


@scenario("the ORM")
def _():
    with migrated():
        for i in range(5):
            author = Author.objects.create(name=f"author {i}")
            Book.objects.bulk_create([
                Book(title=f"title {i}.{j}", pages=10 * j, author=author,
                     tags=["a", f"t{j}"], facts={"n": j}) for j in range(4)])
        say(Author.objects.count(), Book.objects.aggregate(Sum("pages")))
        say(list(Author.objects.annotate(n=Count("books"), name_=Upper(
            "name")).filter(n=4).order_by("name").values_list("name_", "n")))
        say(list(Book.objects.filter(Q(tags__contains=["t2"]) | Q(
            facts__n=3)).order_by("title").values_list("title", flat=True)))
        say(Book.objects.filter(pages__gt=10).update(pages=F("pages") + 1),
            sorted(Book.objects.values_list("pages", flat=True)))
        say([(a.name, len(a.books.all())) for a in Author.objects
             .prefetch_related("books").order_by("name")])
        say(Author.objects.get_or_create(name="author 1")[1],
            Author.objects.update_or_create(name="new")[1])
        say(Author.objects.filter(name__startswith="author 2").delete())
        say(Book.objects.select_related("author").earliest("id").author.name)


@scenario("transactions and errors")
def _():
    with migrated():
        Author.objects.create(name="one")
        try:
            with transaction.atomic():
                Author.objects.create(name="lost")
                Author.objects.create(name="one")
        except IntegrityError as problem:
            say(problem.__cause__.pgcode)
        with transaction.atomic():
            Author.objects.create(name="two")
            for name in ("one", "three", "two"):
                try:
                    with transaction.atomic():
                        Author.objects.create(name=name)
                except IntegrityError:
                    say("savepoint", name)
            say(len(Author.objects.select_for_update()))
            transaction.on_commit(lambda: say("committed"))
        with transaction.atomic():
            Author.objects.create(name="four")
            transaction.set_rollback(True)
        try:
            rows("selec 1")
        except DatabaseError as problem:
            say(problem.__cause__.pgcode)
        say(sorted(Author.objects.values_list("name", flat=True)))


@scenario("server-side cursors")
def _():
    with migrated():
        Author.objects.bulk_create([
            Author(name=f"author {i}") for i in range(300)])
        # Outside a transaction: DECLARE ... WITH HOLD.
        walker = Author.objects.order_by("id").iterator(chunk_size=50)
        names = [next(walker).name for _ in range(60)]
        say(names[-1], Author.objects.count())
        say(sum(1 for _ in walker))
        with transaction.atomic():
            say(sum(1 for _ in Author.objects.iterator(chunk_size=70)))
        walker = Author.objects.iterator(chunk_size=10)
        next(walker)
        walker.close()
        say(Author.objects.count())


@scenario("time zones")
def _():
    with migrated():
        born = timezone.datetime(2020, 2, 1, 23, 30, tzinfo=timezone.utc)
        Author.objects.create(name="one", born=born)
        say(rows("show TimeZone"), Author.objects.get().born.isoformat())
        for zone in ("Asia/Tokyo", "America/Lima"):
            with timezone.override(zone):
                say(Author.objects.annotate(day=TruncDay("born")).get()
                    .day.isoformat(),
                    Author.objects.filter(born__day=1).count())
        rows_before = rows("select timestamptz '2020-02-01 00:00Z'::text")
        connection.close()
        say(rows_before, rows("select timestamptz '2020-02-01 00:00Z'::text"))


@scenario("users, permissions and sessions")
def _():
    with migrated():
        User.objects.filter(username="ann").delete()
        user = User.objects.create_user("ann", password="word")
        say(user.has_perm("library.add_book"),
            authenticate(username="ann", password="word") == user,
            authenticate(username="ann", password="wrong"))
        store = SessionStore()
        store["cart"] = [1, 2]
        store.save()
        say(SessionStore(store.session_key)["cart"])
        user.delete()
        SessionStore.clear_expired()


@scenario("settings by hand")
def _():
    with connection.cursor() as cur:
        for i in range(6):
            cur.execute(f"set search_path to tenant_{i % 4}")
            cur.execute("select name from item where id = %s", [i])
            say(cur.fetchall())
        cur.execute("set role alice")
        cur.execute("select current_user")
        say(cur.fetchall())
    with transaction.atomic(), connection.cursor() as cur:
        cur.execute("set local search_path to tenant_3")
        cur.execute("select set_config('my.tenant', %s, true)", ["three"])
        cur.execute("select name, current_setting('my.tenant') from item"
                    " where id = 1")
        say(cur.fetchall())
    say(rows("show search_path"))
    with connection.cursor() as cur:
        cur.execute("prepare by_hand (int) as select $1 * 3")
        for i in range(4):
            cur.execute("execute by_hand (%s)", [i])
            say(cur.fetchall())
        cur.execute("deallocate by_hand")
    connections.close_all()
    say(rows("show search_path"), rows("select current_user"))
    connections.close_all()


def crowd():
    """A thread of a web server has a connection of its own each."""
    count = int(os.environ["CROWD"])
    aliases = [f"c{i}" for i in range(count)]
    for alias in aliases:
        connections.databases[alias] = copy.deepcopy(
            connections.databases["default"])
    for i, alias in enumerate(aliases):
        with connections[alias].cursor() as cur:
            cur.execute(f"set search_path to tenant_{i % 4}")
            cur.execute("select set_config('TimeZone', %s, false)",
                        [f"Etc/GMT+{i}"])
    for turn in range(8):
        for i, alias in enumerate(aliases):
            with connections[alias].cursor() as cur:
                cur.execute("select name, %s, current_setting('TimeZone')"
                            " from item where id = %s", [turn, i])
                say(i, cur.fetchall())
    for i, alias in enumerate(aliases):
        with transaction.atomic(using=alias), \
                connections[alias].cursor() as cur:
            cur.execute("update item set name = name || %s where id = 9",
                        [str(i)])
    for alias in aliases:
        with connections[alias].cursor() as cur:
            cur.execute("select name from item where id = 9")
            say(cur.fetchall())
    connections.close_all()


main(crowd)
