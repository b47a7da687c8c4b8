"""The database's history: one file in ``versions`` for each change of ``storage/tables.py``.

A file has Alembic's ``revision`` and ``down_revision`` (the one before it) and ``upgrade(op)``. Once released it never
changes, so it imports nothing of ``tables.py``, which does. SQLite changes a table with ``op.batch_alter_table``.
"""
