"""rejoinder: meeting bots you host yourself."""

__version__ = "0.1.0"
