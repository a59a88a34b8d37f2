"""Counts the weights of a model by the headers of its safetensors files; the weights themselves are not read."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ragstone.errors import UsageError
from ragstone.inference.serving.config import read_json
from ragstone.inference.serving.shape import FLOATS, Shape

__all__ = ["Weights", "read_weights", "stated_weights"]

LONGEST_HEADER = 100 * 1024**2  # bytes, as the format has it: github.com/huggingface/safetensors
BITS = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "BF16": 16,
    "F16": 16,
    "I16": 16,
    "U16": 16,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F4": 4,
}
WIDE = ("F64", "F32", "BF16", "F16")  # of weights that are not quantised
STAYS = re.compile(r"embed|lm_head|wte|wpe|output\.weight|norm|router|\.gate\.|visual|vision")
LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a model's weights take.

    `stored` are the bytes of each type in the files, `matrices` the parameters that a quantisation shrinks, `rest`
    those that stay as they are: embeddings, norms, routers. `packed` are the bytes of quantised weights with their
    scales, which are loaded as they are stored.
    """

    stored: Mapping[str, int]
    matrices: int
    rest: int
    packed: int = 0
    source: str = ""

    @property
    def parameters(self) -> int:
        """The parameters that can be counted: those of quantised weights cannot, packed as they are."""
        return self.matrices + self.rest

    def bytes(self, dtype: str, each: float | None = None) -> float:
        """The bytes in memory: `each` are those of a quantised parameter, None for none."""
        wide = FLOATS[dtype]
        return self.packed + self.rest * wide + self.matrices * (wide if each is None else each)


def stated_weights(parameters: int, shape: Shape) -> Weights:
    """The weights of a model of so many parameters; its embeddings stay as they are."""
    rest = min(parameters, shape.vocabulary * shape.hidden * (1 if shape.tied else 2))
    return Weights(stored={}, matrices=parameters - rest, rest=rest, source="stated")


def read_weights(folder: Path, shape: Shape) -> Weights | None:
    """What stands in the files of a folder; None where it holds no weights, nor an index of them.

    Layers behind the last one, which some models have for speculation, are not loaded, and not counted. Raises
    UsageError for a file that is none.
    """
    files = _files(folder)
    if files:
        found = _Count(shape)
        for path in files:
            found.add(path)
        return found.weights(f"the headers of {len(files)} file{'s' * (len(files) != 1)}")
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return _pickled(folder)
    meta: object = read_json(index).get("metadata")
    total: object = cast("dict[str, Any]", meta).get("total_size") if isinstance(meta, dict) else None
    if not isinstance(total, int | float) or total <= 0:
        raise UsageError("it does not say metadata.total_size", where=str(index))
    if shape.quantized:
        return Weights(stored={}, matrices=0, rest=0, packed=int(total), source=index.name)
    return stated_weights(int(total) // FLOATS[shape.dtype], shape)


def _pickled(folder: Path) -> Weights | None:
    """Weights in torch's own format, as older checkpoints and heads for speculation have them: their size alone."""
    files = sorted(folder.glob("pytorch_model*.bin"))
    size = sum(path.stat().st_size for path in files)
    return Weights(stored={}, matrices=0, rest=0, packed=size, source=files[0].name) if files else None


def _files(folder: Path) -> list[Path]:
    """The files that vLLM loads: those of the index, where there is one, and not the same weights in another form."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named: object = read_json(index).get("weight_map")
        given = cast("dict[str, object]", named) if isinstance(named, dict) else {}
        paths = [folder / Path(name).name for name in sorted({str(name) for name in given.values()})]
        here = [path for path in paths if path.is_file()]
        if here and len(here) < len(paths):
            missing = next(path.name for path in paths if not path.is_file())
            raise UsageError(f"{missing} is not there", where=str(index), hint="Was the download cut short?")
        return here
    found = sorted(folder.glob("*.safetensors"))
    return [path for path in found if not path.name.startswith("consolidated")] or found


class _Count:
    """Adds up the tensors of several files."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._stored: dict[str, int] = {}
        self._matrices = self._rest = self._packed = 0

    def weights(self, source: str) -> Weights:
        return Weights(
            stored=self._stored, matrices=self._matrices, rest=self._rest, packed=self._packed, source=source
        )

    def add(self, path: Path) -> None:
        for name, (dtype, dimensions) in _tensors(path).items():
            if self._is_loaded(name):
                self._tensor(name, dtype, dimensions)

    def _is_loaded(self, name: str) -> bool:
        number = LAYER.search(name)
        beyond = number is not None and self._shape.depth and int(number[1]) >= self._shape.depth
        return not beyond and not name.startswith("mtp.")

    def _tensor(self, name: str, dtype: str, dimensions: Sequence[int]) -> None:
        numbers = math.prod(dimensions)
        size = numbers * BITS[dtype] // 8
        self._stored[dtype] = self._stored.get(dtype, 0) + size
        if dtype not in WIDE or (self._shape.quantized and "scale" in name):
            self._packed += size
        elif self._shape.quantized or len(dimensions) < 2 or STAYS.search(name):
            self._rest += numbers
        else:
            self._matrices += numbers


def _tensors(path: Path) -> dict[str, tuple[str, list[int]]]:
    """Each tensor of a file with its type and its dimensions. Raises UsageError when it is no safetensors file."""
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= LONGEST_HEADER:
            raise _no_safetensors(path)
        header = file.read(length)
    try:
        value = json.loads(header)
        value.pop("__metadata__", None)
        found = {str(name): (str(one["dtype"]), [int(size) for size in one["shape"]]) for name, one in value.items()}
        ends = [int(one["data_offsets"][1]) for one in value.values()]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise _no_safetensors(path) from None
    if unknown := next((dtype for dtype, _ in found.values() if dtype not in BITS), None):
        raise UsageError(f"it holds numbers of an unknown type, {unknown}", where=str(path))
    if path.stat().st_size < 8 + length + max(ends, default=0):
        raise UsageError("its end is missing", where=str(path), hint="Was the download cut short?")
    return found


def _no_safetensors(path: Path) -> UsageError:
    return UsageError("it is no safetensors file", where=str(path), hint="Was the download cut short?")
