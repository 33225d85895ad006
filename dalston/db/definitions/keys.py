"""API keys."""

from __future__ import annotations

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy import bindparam as parameter

from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, api_keys

_COLUMNS = "prefix digest name owner scopes created_at expires_at revoked_at"
_USABLE = and_(
    api_keys.c.revoked_at.is_(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > DatabaseAgo(0)),
)
_KEY = select(*(api_keys.c[name] for name in _COLUMNS.split()), _USABLE.label("usable"))
LIST = _KEY.order_by(api_keys.c.created_at, api_keys.c.prefix)
FIND = _KEY.where(any_of(api_keys.c.prefix, "prefixes"))
COUNT = select(func.count().label("some")).select_from(
    select(api_keys.c.prefix).limit(1).subquery()
)
NEW = insert(api_keys).values(
    **given(api_keys, "prefix digest name owner scopes expires_at"), created_at=DatabaseNow()
)
REVOKE = (
    update(api_keys)
    .where(api_keys.c.prefix == parameter("by_prefix"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=DatabaseNow())
)
