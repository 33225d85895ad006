"""Loads a pipeline of pyannote.audio and runs it. Not tested where Dalston is developed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]
from pyannote.audio import Pipeline  # type: ignore[import-not-found, unused-ignore]
from pyannote.audio.telemetry import (  # type: ignore[import-not-found, unused-ignore]
    set_telemetry_metrics,
)

from dalston.engine_sdk import TaskFailed
from recording import SAMPLE_RATE, read_samples

_STEPS = ("segmentation", "embeddings")
"""What takes time, in this order; each tells how far it is."""

Progress = Callable[[float, float], None]


def load_pipeline(name: str, device: str) -> Any:  # noqa: ANN401 - untyped
    """Load a pipeline onto a processor.

    The hub's library finds the user's token by itself: HF_TOKEN, or what `hf auth login` has kept.

    Args:
        name: `owner/name` on the hub, or a folder.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        TaskFailed: `model_not_found`, `model_download_failed`, `model_damaged` or
            `gpu_unavailable`.
    """
    # What somebody records here is nobody else's business, nor that they do.
    set_telemetry_metrics(False)
    folder = Path(name).expanduser()
    is_folder = len(folder.parts) > 1 and folder.is_dir()
    if not is_folder and (folder.is_absolute() or name.startswith((".", "~"))):
        raise TaskFailed(
            "model_not_found", f"{name} is not a folder. Correct the setting `pipeline`."
        )
    try:
        pipeline = Pipeline.from_pretrained(str(folder) if is_folder else name)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _not_loaded(name, error, is_folder=is_folder) from error
    if pipeline is None:
        raise _no_access(name)
    return pipeline.to(torch.device(_device(device)))


def diarize(
    pipeline: Any,  # noqa: ANN401 - untyped
    path: Path,
    asked: Mapping[str, int],
    progress: Progress,
) -> Any:  # noqa: ANN401 - untyped
    """Return the annotation of a recording.

    Args:
        pipeline: From `load_pipeline`.
        path: 16 kHz, mono, signed 16-bit WAV.
        asked: What is known of the number of speakers.
        progress: Is told how far it is.

    Raises:
        TaskFailed: `wrong_audio`.
    """
    samples = read_samples(path)
    # Given as samples, so that no decoder is needed beside torch.
    file = {"waveform": torch.from_numpy(samples)[None, :], "sample_rate": SAMPLE_RATE}

    def told(
        step: str,
        _artifact: object,
        *,
        completed: int | None = None,
        total: int | None = None,
        **_: object,
    ) -> None:
        if step in _STEPS and completed is not None and total:
            progress(_STEPS.index(step) + completed / total, len(_STEPS))

    found = pipeline({**file, "uri": "recording"}, hook=told, **asked)
    # Pipelines from before version 4 return the annotation itself.
    return getattr(found, "speaker_diarization", found)


def _device(wanted: str) -> str:
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise TaskFailed(
            "gpu_unavailable",
            "device is cuda, but torch finds no GPU that it can use. Install the NVIDIA driver, "
            "or set device to auto or cpu.",
        )
    return "cuda"


def _not_loaded(name: str, error: Exception, *, is_folder: bool) -> TaskFailed:
    if is_folder:
        return TaskFailed(
            "model_damaged",
            f"The pipeline in that folder can't be loaded ({type(error).__name__}). Copy it again, "
            f"with its config.yaml and all models.",
        )
    # The hub's library names its errors; importing them would tie this to one version of it.
    if type(error).__name__ in {"GatedRepoError", "RepositoryNotFoundError", "HFValidationError"}:
        return _no_access(name)
    return TaskFailed(
        "model_download_failed",
        f"The pipeline {name} could not be brought ({type(error).__name__}). Check the network, "
        f"HF_ENDPOINT and HF_TOKEN, or name a folder with a copy.",
        retryable=True,
    )


def _no_access(name: str) -> TaskFailed:
    return TaskFailed(
        "model_not_found",
        f"The hub doesn't give {name} to you. Accept its conditions on its page there, and set "
        f"HF_TOKEN to a token of yours that may read it; or name a folder with a copy.",
    )
