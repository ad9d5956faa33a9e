"""library - the application that the Django program uses."""
