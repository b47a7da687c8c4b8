"""``python -m rejoinder``."""

from rejoinder.cli import main

main()
