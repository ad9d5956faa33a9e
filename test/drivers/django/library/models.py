"""models.py - as the last migration leaves them."""
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    born = models.DateTimeField(null=True)


class Book(models.Model):
    title = models.TextField()
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    pages = models.IntegerField(default=0)
    tags = ArrayField(models.TextField(), default=list)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["pages"], name="book_pages")]
