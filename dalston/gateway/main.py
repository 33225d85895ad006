"""The gateway's application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware

from dalston.gateway.api import health
from dalston.gateway.api.documentation import documentation
from dalston.gateway.api.health import Checks
from dalston.gateway.api.v1 import (
    again,
    audio,
    events,
    exports,
    openai,
    transcription,
    webhooks,
)
from dalston.gateway.authentication import Authentication
from dalston.gateway.dialect import Dialects
from dalston.gateway.dialects import assemblyai, assemblyai_routes, deepgram, elevenlabs
from dalston.gateway.errors import ERROR_HANDLERS
from dalston.gateway.long_answers import LongAnswers
from dalston.gateway.middleware import EarlyAnswers, RequestContext, cross_origin
from dalston.gateway.parts import Parts
from dalston.gateway.services.access import Access
from dalston.gateway.services.again import Again
from dalston.gateway.services.feeds import Feeds
from dalston.gateway.services.held import HeldRecordings
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.leaving import Leaving
from dalston.gateway.services.quotas import RequestCounter
from dalston.gateway.services.versions import Versions
from dalston.gateway.services.webhooks import WebhookService

OPERATIONS = (
    *transcription.OPERATIONS,
    *again.OPERATIONS,
    *audio.OPERATIONS,
    *events.OPERATIONS,
    *exports.OPERATIONS,
    *openai.OPERATIONS,
    *webhooks.OPERATIONS,
    *elevenlabs.OPERATIONS,
    *deepgram.OPERATIONS,
    *assemblyai_routes.OPERATIONS,
    *health.OPERATIONS,
)
"""All that programs may ask for."""
DIALECTS = (elevenlabs.DIALECT, deepgram.DIALECT, assemblyai.DIALECT)
"""Other vendors' manners, each on its own paths."""


def create_app(parts: Parts) -> Starlette:
    """Return the application on open parts; whoever opened them closes them."""
    access = Access(parts.database)
    app = Starlette(
        routes=[*OPERATIONS, *documentation(OPERATIONS)],
        middleware=[
            Middleware(EarlyAnswers),
            Middleware(Dialects, DIALECTS),
            Middleware(RequestContext),
            *cross_origin(parts.cors_origins),
            Middleware(Authentication, access, RequestCounter(parts.database)),
        ],
        exception_handlers=ERROR_HANDLERS,
    )
    # A redirected upload would be sent twice, or by many clients not at all.
    app.router.redirect_slashes = False
    app.state.parts = parts
    app.state.access = access
    app.state.jobs = JobService(parts)
    app.state.feeds = Feeds(app.state.jobs, parts.store)
    app.state.leaving = Leaving(parts.database)
    app.state.again = Again(parts)
    app.state.held = HeldRecordings(parts.database, parts.store, app.state.jobs)
    app.state.versions = Versions(parts, app.state.jobs)
    app.state.webhooks = WebhookService(parts.database, parts.webhooks)
    app.state.long_answers = LongAnswers()
    app.state.checks = Checks(parts)
    return app
