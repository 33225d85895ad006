"""Takes the voice encoder's weights out of the package Resemblyzer, for engines/diarize.

They become an ONNX file, which the engine runs on one processor without more than onnxruntime.
(As a loop in numpy the same takes a quarter more time on one processor, and three times as much
where numpy's threads compete with other work.) What only training needed is left out, and what
stays is kept as 16-bit floating point.

Usage:

    pip install onnx==1.23.2
    pip download --no-deps Resemblyzer==0.1.4
    python -m scripts.convert_ge2e Resemblyzer-0.1.4-py3-none-any.whl
"""

import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found, unused-ignore]
from numpy.typing import NDArray

from scripts.torch_weights import Weights, read_weights

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "engines" / "diarize" / "ge2e-speakers" / "ge2e.onnx"
MEMBER = "resemblyzer/pretrained.pt"
SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"

LAYERS, WIDTH, BANDS = 3, 256, 40
OPSET, IR_VERSION = 17, 8
GATES = np.r_[0:WIDTH, 3 * WIDTH : 4 * WIDTH, WIDTH : 3 * WIDTH]
"""PyTorch's gates are i, f, g, o; those of ONNX are i, o, f, g."""


class ConversionError(Exception):
    """The wheel isn't the known one."""


class Graph:
    """A graph that is being built: nodes, and constants as 16-bit numbers."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node and return the name of its last output; names before a comma come first."""
        outputs = output.split(",")
        self.nodes.append(onnx.helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[-1]

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add a constant as it is."""
        self.constants.append(onnx.numpy_helper.from_array(values, name))
        return name

    def weights(self, name: str, values: NDArray[np.float32]) -> str:
        """Add numbers that are kept in 16 bits and computed with in 32."""
        half = self.constant(f"{name}_16", values.astype(np.float16))
        return self.add("Cast", [half], name, to=onnx.TensorProto.FLOAT)


def network(weights: Weights) -> Any:  # noqa: ANN401 - onnx's type, which needs onnx
    """Returns the voice encoder as an ONNX model.

    Its inputs are `frames` (by time, window and band) and `lengths` (of each window, in frames);
    its output is `voices` (by window, 256 numbers each).
    """
    graph = Graph()
    current = "frames"
    axis = graph.constant("axis_of_directions", np.array([1]))
    for layer in range(LAYERS):
        given, state, *biases = (
            weights[f"lstm.{name}_l{layer}"][GATES]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        inputs = [
            current,
            graph.weights(f"input_{layer}", given[np.newaxis]),
            graph.weights(f"state_{layer}", state[np.newaxis]),
            graph.weights(f"bias_{layer}", np.concatenate(biases)[np.newaxis]),
            "lengths",
        ]
        graph.add("LSTM", inputs, f"all_{layer},last_{layer}", hidden_size=WIDTH)
        current = graph.add("Squeeze", [f"all_{layer}", axis], f"layer_{layer}")
    axis = graph.constant("axis_of_directions_at_end", np.array([0]))
    last = graph.add("Squeeze", [f"last_{LAYERS - 1}", axis], "end")
    linear = graph.weights("linear", weights["linear.weight"])
    bias = graph.weights("linear_bias", weights["linear.bias"])
    mapped = graph.add("Gemm", [last, linear, bias], "mapped", transB=1)
    graph.add("LpNormalization", [graph.add("Relu", [mapped], "rectified")], "voices", p=2, axis=1)
    return model(graph)


def model(graph: Graph) -> Any:  # noqa: ANN401 - onnx's type
    """Returns a graph as a checked model."""
    info, number = onnx.helper.make_tensor_value_info, onnx.TensorProto
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "GE2E voice encoder",
            [
                info("frames", number.FLOAT, ["time", "windows", BANDS]),
                info("lengths", number.INT32, ["windows"]),
            ],
            [info("voices", number.FLOAT, ["windows", WIDTH])],
            graph.constants,
            doc_string="Weights of Resemblyzer 0.1.4, Copyright 2019 Resemble.AI, Apache-2.0",
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(made)
    return made


def main(wheel: Path) -> None:
    """Writes the engine's file.

    Raises:
        ConversionError: the wheel doesn't hold the known file.
    """
    content = zipfile.ZipFile(wheel).read(MEMBER)
    if hashlib.sha256(content).hexdigest() != SHA256:
        message = f"{MEMBER} in {wheel.name} is not the file that Resemblyzer 0.1.4 has"
        raise ConversionError(message)
    TARGET.write_bytes(network(read_weights(content)).SerializeToString(deterministic=True))
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
