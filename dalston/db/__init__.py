"""The database: rows, sessions and the only writer of a status."""
