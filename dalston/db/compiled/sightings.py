"""Written by `make statements` from dalston/db/definitions/sightings.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Parameter, Statement

KNOWN = Statement(
    columns=(Column("name"),),
    postgresql=SQL(
        """\
SELECT sightings.name
FROM sightings
WHERE sightings.name = ANY ($1::VARCHAR[])""",
        (Parameter("names", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT sightings.name
FROM sightings
WHERE sightings.name IN (SELECT value FROM json_each(?))""",
        (Parameter("names", Kind.TEXTS),),
    ),
)
NEW = Statement(
    postgresql=SQL(
        """\
INSERT INTO sightings (name, first_at, last_at) VALUES ($1::VARCHAR, clock_timestamp(), clock_timestamp())""",
        (Parameter("new_name"),),
    ),
    sqlite=SQL(
        """\
INSERT INTO sightings (name, first_at, last_at) VALUES (?, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'))""",
        (Parameter("new_name"),),
    ),
)
FORGOTTEN = Statement(
    postgresql=SQL(
        """\
UPDATE sightings SET first_at=clock_timestamp() WHERE sightings.name = ANY ($1::VARCHAR[]) AND (sightings.last_at < (statement_timestamp() - $2::FLOAT * interval '1 second') OR sightings.last_at > clock_timestamp())""",
        (Parameter("names", Kind.TEXTS), Parameter("within", Kind.FRACTION)),
    ),
    sqlite=SQL(
        """\
UPDATE sightings SET first_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE sightings.name IN (SELECT value FROM json_each(?)) AND (sightings.last_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') OR sightings.last_at > (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'))""",
        (Parameter("names", Kind.TEXTS), Parameter("within", Kind.FRACTION)),
    ),
)
SEEN = Statement(
    postgresql=SQL(
        """\
UPDATE sightings SET last_at=clock_timestamp() WHERE sightings.name = ANY ($1::VARCHAR[])""",
        (Parameter("names", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
UPDATE sightings SET last_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE sightings.name IN (SELECT value FROM json_each(?))""",
        (Parameter("names", Kind.TEXTS),),
    ),
)
LASTING = Statement(
    columns=(Column("name"),),
    postgresql=SQL(
        """\
SELECT sightings.name
FROM sightings
WHERE sightings.name = ANY ($1::VARCHAR[]) AND sightings.first_at <= (statement_timestamp() - $2::FLOAT * interval '1 second')""",
        (Parameter("names", Kind.TEXTS), Parameter("seconds", Kind.FRACTION)),
    ),
    sqlite=SQL(
        """\
SELECT sightings.name
FROM sightings
WHERE sightings.name IN (SELECT value FROM json_each(?)) AND sightings.first_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')""",
        (Parameter("names", Kind.TEXTS), Parameter("seconds", Kind.FRACTION)),
    ),
)
OF_KIND = Statement(
    columns=(Column("name"),),
    postgresql=SQL(
        """\
SELECT sightings.name
FROM sightings
WHERE (sightings.name LIKE $1::VARCHAR || '%')""",
        (Parameter("kind"),),
    ),
    sqlite=SQL(
        """\
SELECT sightings.name
FROM sightings
WHERE (sightings.name LIKE ? || '%')""",
        (Parameter("kind"),),
    ),
)
GONE = Statement(
    postgresql=SQL(
        """\
DELETE FROM sightings WHERE sightings.name = ANY ($1::VARCHAR[])""",
        (Parameter("names", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
DELETE FROM sightings WHERE sightings.name IN (SELECT value FROM json_each(?))""",
        (Parameter("names", Kind.TEXTS),),
    ),
)
TAKE_TURN = Statement(
    columns=(Column("name"),),
    postgresql=SQL(
        """\
UPDATE sightings SET last_at=clock_timestamp() WHERE sightings.name = $1::VARCHAR AND (sightings.last_at <= (statement_timestamp() - $2::FLOAT * interval '1 second') OR sightings.last_at > clock_timestamp()) RETURNING sightings.name""",
        (Parameter("by_name"), Parameter("within", Kind.FRACTION)),
    ),
    sqlite=SQL(
        """\
UPDATE sightings SET last_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE sightings.name = ? AND (sightings.last_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') OR sightings.last_at > (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')) RETURNING name""",
        (Parameter("by_name"), Parameter("within", Kind.FRACTION)),
    ),
)
