"""The SQLite file: migrations, and typed reads and writes. SQL lives only here."""
