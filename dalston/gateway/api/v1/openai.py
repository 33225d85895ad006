"""What OpenAI's clients ask for beside transcriptions: translations, and which models there are."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.transcription import submitted
from dalston.gateway.openai.names import Named
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.jobs import JobService

TRANSLATIONS = "/v1/audio/translations"
MODELS = "/v1/models"


async def create_translation(request: Request, _parameters: Parameters) -> Response:
    """Store a recording and answer with its text in English, once that is there."""
    return await submitted(request, translate=True)


async def list_models(request: Request, _parameters: Parameters) -> Response:
    """Return the names that `model` may have, but for models that no engine has here."""
    service: JobService = request.app.state.jobs
    found = await service.names.all()
    shown = [_shown(named) for named in found.values() if named.present is not False]
    return JsonResponse({"object": "list", "data": shown})


async def read_model(request: Request, _parameters: Parameters) -> Response:
    """Return one name that `model` may have."""
    service: JobService = request.app.state.jobs
    return JsonResponse(_shown(await service.names.find(request.path_params["model_name"])))


def _shown(named: Named) -> dict[str, Any]:
    return {
        "id": named.name,
        "object": "model",
        "created": named.created,
        "owned_by": named.owner,
    }


OPERATIONS = (
    Operation("POST", TRANSLATIONS, create_translation),
    Operation("GET", MODELS, list_models),
    Operation("GET", f"{MODELS}/{{model_name:path}}", read_model),
)
