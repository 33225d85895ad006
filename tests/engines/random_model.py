"""Makes a Whisper model of random weights: half a megabyte, real code paths, senseless text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from dalston.common.languages import LANGUAGES

WIDTH, HEADS, FREQUENCIES, POSITIONS = 16, 2, 80, 448
TIMESTAMPS = 1501


def write_random_model(folder: Path) -> None:
    """Write model.bin, config.json, tokenizer.json and vocabulary.json; English only."""
    # Nothing but this needs the part of the library that converts models.
    from ctranslate2.specs import WhisperSpec  # type: ignore[import-untyped, unused-ignore]

    folder.mkdir(parents=True, exist_ok=True)
    tokens = _tokens()
    spec = WhisperSpec(1, HEADS, 1, HEADS)
    _fill(spec, len(tokens))
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(0, 0)]
    spec.config.lang_ids = []
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    _write_tokenizer(tokens, folder / "tokenizer.json")


def _tokens() -> list[str]:
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    languages = [f"<|{code}|>" for code in LANGUAGES]
    marks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    times = [f"<|{step * 0.02:.2f}|>" for step in range(TIMESTAMPS)]
    return [
        *letters,
        "<|endoftext|>",
        "<|startoftranscript|>",
        *languages,
        *(f"<|{mark}|>" for mark in marks),
        *times,
    ]


def _write_tokenizer(tokens: list[str], path: Path) -> None:
    words = {token: number for number, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(words, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token in tokens if token.startswith("<|")])
    tokenizer.save(str(path))


class _Filler:
    """Gives layers random numbers of the right shapes."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(7)

    def numbers(self, *shape: int) -> Any:
        return (self._rng.standard_normal(shape) * 0.1).astype(np.float32)

    def linear(self, layer: Any, rows: int, columns: int) -> None:
        layer.weight, layer.bias = self.numbers(rows, columns), self.numbers(rows)

    def norm(self, layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def attention(self, layer: Any, *shapes: int) -> None:
        self.norm(layer.layer_norm)
        for part, rows in zip(layer.linear, shapes, strict=True):
            self.linear(part, rows, WIDTH)

    def stack(self, stack: Any) -> None:
        self.norm(stack.layer_norm)
        for layer in stack.layer:
            self.attention(layer.self_attention, 3 * WIDTH, WIDTH)
            self.norm(layer.ffn.layer_norm)
            self.linear(layer.ffn.linear_0, 4 * WIDTH, WIDTH)
            self.linear(layer.ffn.linear_1, WIDTH, 4 * WIDTH)


def _fill(spec: Any, tokens: int) -> None:
    encoder, decoder, filler = spec.encoder, spec.decoder, _Filler()
    for convolution, inputs in ((encoder.conv1, FREQUENCIES), (encoder.conv2, WIDTH)):
        convolution.weight = filler.numbers(WIDTH, inputs, 3)
        convolution.bias = filler.numbers(WIDTH)
    encoder.position_encodings.encodings = filler.numbers(1500, WIDTH)
    decoder.position_encodings.encodings = filler.numbers(POSITIONS, WIDTH)
    decoder.embeddings.weight = filler.numbers(tokens, WIDTH)
    decoder.projection.weight = decoder.embeddings.weight
    filler.stack(encoder)
    filler.stack(decoder)
    for layer in decoder.layer:
        filler.attention(layer.attention, WIDTH, 2 * WIDTH, WIDTH)
