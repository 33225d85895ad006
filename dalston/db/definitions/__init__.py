"""The tables and the statements, written with SQLAlchemy; nothing that runs imports this.

`tables.py` declares the rows; `conditions.py` and `parameters.py` hold what statements have in
common. Each further module is named after the one of `dalston/db/` that runs its statements. Those
of them that have a public name are compiled by `make statements`, with `compiling.py`, and written
to `dalston/db/compiled/`.
"""
