"""0003 - an index, created concurrently."""
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("library", "0002_second")]
    operations = [AddIndexConcurrently(
        "book", models.Index(fields=["pages"], name="book_pages"))]
