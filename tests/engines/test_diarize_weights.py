"""How the voice encoder's weights were read: without PyTorch, and nothing in the file can run."""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from scripts.torch_weights import MAGIC, WeightsError, read_weights


class Storage:
    """Stands for PyTorch's row of numbers."""


class FloatStorage:
    """Stands for the type of such a row."""


def _rebuild_tensor_v2() -> None:
    """Stands for PyTorch's function that makes a tensor."""


@dataclass(frozen=True)
class Tensor:
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0


class OldPickler(pickle.Pickler):
    """Writes tensors as PyTorch did."""

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            return ("storage", FloatStorage, "7", "cpu", 6, None)
        return None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            hooks: OrderedDict[str, object] = OrderedDict()
            given = (Storage(), obj.offset, obj.shape, obj.strides, False, hooks)
            return _rebuild_tensor_v2, given
        return NotImplemented


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what stands for PyTorch's things have their names, as a pickle keeps them."""
    for module, thing in (("torch", FloatStorage), ("torch._utils", _rebuild_tensor_v2)):
        named = ModuleType(module)
        setattr(named, thing.__name__, thing)
        monkeypatch.setitem(sys.modules, module, named)
        monkeypatch.setattr(thing, "__module__", module)


def saved(state: object, *, magic: int = MAGIC) -> bytes:
    file = io.BytesIO()
    for part in (magic, 1001, {"little_endian": True}, {"step": 1, "model_state": state}, ["7"]):
        OldPickler(file, protocol=2).dump(part)
    return file.getvalue() + struct.pack("<q6f", 6, *range(6))


@pytest.mark.usefixtures("torch_names")
def test_tensors_are_read() -> None:
    state = OrderedDict(table=Tensor((2, 3), (3, 1)), row=Tensor((2,), (1,), offset=4))
    found = read_weights(saved(state))
    assert found["table"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["row"].tolist() == [4, 5]
    assert found["row"].dtype == np.float32


@pytest.mark.usefixtures("torch_names")
def test_a_tensor_in_another_order_is_refused() -> None:
    with pytest.raises(WeightsError, match="strides"):
        read_weights(saved({"table": Tensor((2, 3), (1, 2))}))


class Trap:
    """Makes a file when it is read as a pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_in_the_file_runs(tmp_path: Path) -> None:
    content = saved({"table": Trap(tmp_path / "ran")})
    with pytest.raises(WeightsError, match="which weights don't need"):
        read_weights(content)
    assert not (tmp_path / "ran").exists()


def test_another_file_is_refused() -> None:
    with pytest.raises(WeightsError, match="old format"):
        read_weights(saved({}, magic=1))
