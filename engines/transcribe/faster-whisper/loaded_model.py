"""A Whisper model in memory, on the processor that can run it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ctranslate2  # type: ignore[import-untyped, unused-ignore]
import numpy as np

from dalston.engine_sdk import TaskFailed
from model_files import ModelFiles
from other_languages import ListeningModel

_MOST_THREADS = 8
"""More make a single recording hardly faster."""
_WINDOW_FRAMES = 3000
"""Spectra in the 30 seconds that Whisper looks at."""
_PREFERRED = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8_float32", "float32")}
"""What `auto` takes as type of the computation, the best first."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        model: faster-whisper's object.
        name: What was asked for.
        device: `cpu` or `cuda`.
        compute_type: `int8`, `float16` …
        warnings: What the user should know about the choice.
    """

    model: Any
    name: str
    device: str
    compute_type: str
    warnings: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_multilingual(self) -> bool:
        """Whether it knows more than English."""
        return bool(self.model.model.is_multilingual)

    def knows(self, language: str) -> bool:
        """Tell whether the model was trained on a language.

        Args:
            language: Its code.
        """
        if not self.is_multilingual:
            return language == "en"
        return self.model.hf_tokenizer.token_to_id(f"<|{language}|>") is not None


def load_model(files: ModelFiles, config: Mapping[str, Any]) -> LoadedModel:
    """Load a model on the first device that can run it.

    Args:
        files: The model.
        config: `device`, `compute_type` and `cpu_threads` of the engine's configuration.

    Raises:
        TaskFailed: `gpu_unavailable` if a GPU is demanded and can't be used,
            `unsupported_compute_type`, or `model_damaged`.
    """
    failed: list[dict[str, str]] = []
    for device in _devices(config["device"]):
        compute_type = _compute_type(device, config["compute_type"])
        try:
            model = _load(files, device, compute_type, config["cpu_threads"])
        except (RuntimeError, ValueError, OSError) as error:
            if device == "cpu":
                raise _damaged(files, error) from error
            if config["device"] == "cuda":
                raise _no_gpu(str(error)) from error
            failed.append(
                {
                    "code": "gpu_unavailable",
                    "message": f"There is a GPU, but it can't be used ({error}); the CPU is.",
                }
            )
            continue
        return LoadedModel(model, files.name, device, compute_type, failed)
    raise _no_gpu("there is none")


def _devices(wanted: str) -> Iterator[str]:
    if wanted in ("auto", "cuda") and ctranslate2.get_cuda_device_count() > 0:
        yield "cuda"
    if wanted in ("auto", "cpu"):
        yield "cpu"


def _compute_type(device: str, wanted: str) -> str:
    supported = ctranslate2.get_supported_compute_types(device)
    if wanted == "auto":
        return next((kind for kind in _PREFERRED[device] if kind in supported), "default")
    if wanted not in supported:
        raise TaskFailed(
            "unsupported_compute_type",
            f"compute_type {wanted} can't be computed on {device} here; possible are auto, "
            f"{', '.join(sorted(supported))}. Correct the setting.",
        )
    return wanted


def _load(files: ModelFiles, device: str, compute_type: str, threads: int) -> Any:  # noqa: ANN401 - untyped
    model = ListeningModel(
        str(files.folder) if files.folder is not None else files.name,
        device=device,
        compute_type=compute_type,
        cpu_threads=threads or min(_usable_processors(), _MOST_THREADS),
        files=dict(files.contents) or None,
    )
    expected, made = model.model.n_mels, len(model.feature_extractor.mel_filters)
    if expected != made:
        raise ValueError(
            f"it wants {expected} frequency bands and gets {made}: preprocessor_config.json is "
            f"missing"
        )
    if device == "cuda":
        # A library that is missing shows only when something is computed.
        model.encode(np.zeros((expected, _WINDOW_FRAMES), np.float32))
    return model


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _damaged(files: ModelFiles, error: Exception) -> TaskFailed:
    where = files.folder or "the installed package"
    return TaskFailed(
        "model_damaged",
        f"The model {files.name} in {where} can't be loaded: {error}. Replace its files, or name "
        f"another model.",
    )


def _no_gpu(reason: str) -> TaskFailed:
    return TaskFailed(
        "gpu_unavailable",
        f"device is cuda, but no GPU can be used: {reason}. Install the NVIDIA driver, CUDA 12 and "
        f"cuDNN 9, or set device to auto or cpu.",
    )
