"""The gateway's application."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from dalston import __version__
from dalston.gateway.api import health
from dalston.gateway.api.v1.router import router
from dalston.gateway.errors import add_error_handlers
from dalston.gateway.middleware import EarlyAnswers, RequestContext
from dalston.gateway.parts import Parts
from dalston.gateway.services.jobs import JobService

_ABOUT = """Turns recordings into transcripts, on your own machine.

Submit a recording, poll the job, read its transcript. Every error has the same envelope, and a
`code` that is listed in the documentation with what to do about it.
"""


def create_app(parts: Parts) -> FastAPI:
    """Return the application on open parts; whoever opened them closes them."""
    app: FastAPI = FastAPIOffline(
        title="Dalston",
        version=__version__,
        description=_ABOUT,
        # A redirected upload would be sent twice, or by many clients not at all.
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.parts = parts
    app.state.jobs = JobService(parts)
    app.include_router(health.router)
    app.include_router(router)
    add_error_handlers(app)
    app.add_middleware(RequestContext)
    app.add_middleware(EarlyAnswers)
    return app
