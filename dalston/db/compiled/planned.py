"""Written by `make statements` from dalston/db/definitions/planned.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Constant, Parameter, Statement

NEW_TASK = Statement(
    postgresql=SQL(
        """\
INSERT INTO tasks (id, job_id, stage, index, engine_id, status, hand_out, rank, final, config, audio_from, part, optional, expands, failures, losses, restarts) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::INTEGER, $5::VARCHAR, $6::VARCHAR, $7::INTEGER, $8::FLOAT, $9::INTEGER, $10::JSON, $11::VARCHAR, $12::JSON, $13::INTEGER, $14::INTEGER, $15::INTEGER, $16::INTEGER, $17::INTEGER)""",
        (
            Parameter("id"),
            Parameter("job_id"),
            Parameter("stage"),
            Parameter("index"),
            Parameter("engine_id"),
            Parameter("status"),
            Constant(1),
            Parameter("rank", Kind.FRACTION),
            Parameter("final"),
            Parameter("config", Kind.JSON),
            Parameter("audio_from"),
            Parameter("part", Kind.JSON_OR_NULL),
            Parameter("optional"),
            Parameter("expands"),
            Constant(0),
            Constant(0),
            Constant(0),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO tasks (id, job_id, stage, "index", engine_id, status, hand_out, rank, final, config, audio_from, part, optional, expands, failures, losses, restarts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            Parameter("id"),
            Parameter("job_id"),
            Parameter("stage"),
            Parameter("index"),
            Parameter("engine_id"),
            Parameter("status"),
            Constant(1),
            Parameter("rank", Kind.FRACTION),
            Parameter("final"),
            Parameter("config", Kind.JSON),
            Parameter("audio_from"),
            Parameter("part", Kind.JSON_OR_NULL),
            Parameter("optional"),
            Parameter("expands"),
            Constant(0),
            Constant(0),
            Constant(0),
        ),
    ),
)
NEW_EDGE = Statement(
    postgresql=SQL(
        """\
INSERT INTO task_edges (task_id, after_id) VALUES ($1::VARCHAR, $2::VARCHAR)""",
        (Parameter("task_id"), Parameter("after_id")),
    ),
    sqlite=SQL(
        """\
INSERT INTO task_edges (task_id, after_id) VALUES (?, ?)""",
        (Parameter("task_id"), Parameter("after_id")),
    ),
)
