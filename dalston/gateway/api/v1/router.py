"""All routes of version 1."""

from __future__ import annotations

from fastapi import APIRouter

from dalston.gateway.api.v1 import transcription

router = APIRouter()
router.include_router(transcription.router)
