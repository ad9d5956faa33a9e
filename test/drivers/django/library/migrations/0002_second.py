"""0002 - a first row and more columns."""
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


def fill(apps, schema_editor):
    apps.get_model("library", "Author").objects.create(name="the first")


def empty(apps, schema_editor):
    apps.get_model("library", "Author").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("library", "0001_first")]
    operations = [
        migrations.RunPython(fill, empty),
        migrations.AddField("book", "pages", models.IntegerField(default=0)),
        migrations.AddField("book", "tags", ArrayField(models.TextField(),
                                                       default=list)),
        migrations.AddField("book", "facts", models.JSONField(default=dict))]
