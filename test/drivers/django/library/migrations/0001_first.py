"""0001 - the tables."""
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Author", [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=50, unique=True)),
            ("born", models.DateTimeField(null=True))]),
        migrations.CreateModel("Book", [
            ("id", models.BigAutoField(primary_key=True)),
            ("title", models.TextField()),
            ("author", models.ForeignKey("library.Author", models.CASCADE,
                                         related_name="books"))])]
