"""Earlier results of jobs."""

from __future__ import annotations

from sqlalchemy import select

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import versions

OF_JOBS = (
    select(*versions.c).where(any_of(versions.c.job_id, "job_ids")).order_by(versions.c.version)
)
