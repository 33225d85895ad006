"""What people would use instead, doing the same no-op work: the benchmark compares with these.

The work is the same everywhere. A job has two steps that return a constant, and three rows in
PostgreSQL: its own and one for each step. Submitting inserts the three in one statement, step A
updates its row, step B updates its row and the job's in one statement: three commits, durable as
the server is configured. The tables have a schema of their own, which is dropped afterwards.

- `chain`: two steps handed on by Redis, in worker processes of Celery or taskiq that are started by
  their own command lines; `measure_chain` returns a `PeerResult`.
- `inline`, `uploadfile`: FastAPI on uvicorn; context managers that yield a `RunningServer`, for a
  load generator to measure like any other server. `inline_sqlite` is `inline` on a SQLite file.
- `store_alone`: an S3 server and a client of it, with nothing before them.

Where there was a choice, the peers got the cheaper way: no foreign keys, no index beside the
primary keys, no result backend, connections opened beforehand, uvloop, a no-op reset of pooled
connections, no request log. The chains take neither HTTP nor audio.
"""
