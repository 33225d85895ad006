"""Reads weights that PyTorch saved in its old format, without PyTorch.

Such a file is a few pickles, then the numbers. Nothing in it can run: only the few names that
weights need are allowed.
"""

import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
"""What a file of PyTorch's old format begins with (torch/serialization.py)."""

Weights = dict[str, NDArray[np.float32]]


class WeightsError(Exception):
    """The file isn't what it should be."""


@dataclass(frozen=True)
class Storage:
    """A row of numbers that comes later in the file, by its key."""

    key: str


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's numbers are, and its shape."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def rebuild(
    storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> Tensor:
    """Stands for PyTorch's function that makes a tensor."""
    return Tensor(storage, offset, shape, strides)


class WeightsUnpickler(pickle.Unpickler):
    """Reads a pickle that may name nothing but dictionaries and tensors of 32-bit numbers."""

    allowed = {  # noqa: RUF012 - never changed
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch", "FloatStorage"): "FloatStorage",
    }

    def find_class(self, module_name: str, global_name: str, /) -> Any:  # noqa: ANN401 - pickle's own
        """Return what a name stands for.

        Raises:
            WeightsError: the name isn't one of the few.
        """
        try:
            return self.allowed[module_name, global_name]
        except KeyError:
            message = f"the file names {module_name}.{global_name}, which weights don't need"
            raise WeightsError(message) from None

    def persistent_load(self, pid: Any) -> Storage:  # noqa: ANN401 - pickle's own
        """Return the storage that an entry of the file names."""
        return Storage(pid[2])


def read_weights(content: bytes) -> Weights:
    """Reads the weights of a model out of a file of PyTorch's old format.

    Args:
        content: the file.

    Returns:
        The arrays by name.

    Raises:
        WeightsError: it isn't such a file, or names what weights don't need.
    """
    file = io.BytesIO(content)

    def load() -> Any:  # noqa: ANN401 - a pickle holds anything
        return WeightsUnpickler(file).load()

    if load() != MAGIC:
        message = "this is not a file of PyTorch's old format"
        raise WeightsError(message)
    _protocol, _machine = load(), load()
    tensors: dict[str, Tensor] = load()["model_state"]
    numbers = {}
    for key in load():
        (count,) = struct.unpack("<q", file.read(8))
        numbers[key] = np.frombuffer(file.read(4 * count), "<f4")
    return {name: array(tensor, numbers) for name, tensor in tensors.items()}


def array(tensor: Tensor, numbers: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Returns a tensor's numbers in its shape.

    Raises:
        WeightsError: they don't lie one after the other.
    """
    size = int(np.prod(tensor.shape))
    expected = np.zeros(tensor.shape, np.int8).strides
    if expected != tensor.strides:
        message = f"a tensor of shape {tensor.shape} has strides {tensor.strides}"
        raise WeightsError(message)
    row = numbers[tensor.storage.key][tensor.offset : tensor.offset + size]
    return row.reshape(tensor.shape)
