"""Reads a `.safetensors` file without copying it.

The format is eight bytes with the length of a header, a JSON header, and the raw tensors, see "Format" in
https://huggingface.co/docs/safetensors. Reading it takes fewer lines than a further dependency would take reasons.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ragstone.errors import EmbedderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_tensors"]

_MAX_HEADER = 100_000_000  # bytes; the limit that the format itself sets
_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The floating-point tensors of a file by name, as float32. Where they are stored so, they are views of the file.

    Raises EmbedderError when the file is cut short or is no safetensors file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _MAX_HEADER):
                raise _broken(path, f"its header should take {length:,} bytes, and the file has {size:,}")
            header = json.loads(file.read(length))
        # "c" (copy on write) because OpenVINO refuses to share memory that is read-only. Nothing writes to it.
        data = np.memmap(path, np.uint8, "c", offset=8 + length)
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error
    if not isinstance(header, dict):
        raise _broken(path, "its header is not a JSON object")
    entries = cast("dict[str, dict[str, Any]]", header)
    entries.pop("__metadata__", None)
    tensors = ((name, _tensor(path, name, entry, data)) for name, entry in entries.items())
    return {name: tensor for name, tensor in tensors if tensor is not None}


def _tensor(path: Path, name: str, entry: Mapping[str, Any], data: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """One tensor, or None when it holds whole numbers: weights may carry position ids, which nothing here needs."""
    try:
        kind = entry["dtype"]
        if kind not in _TYPES:
            return None
        dtype = np.dtype(_TYPES[kind])
        shape = [int(side) for side in entry["shape"]]
        start, end = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path, f"the entry of {name} is malformed") from error
    if not 0 <= start <= end <= data.size or end - start != math.prod(shape) * dtype.itemsize:
        raise _broken(path, f"{name} should end at byte {end:,} of {data.size:,}")
    raw = data[start:end].view(dtype).reshape(shape)
    if kind == "BF16":  # bfloat16 is the upper half of a float32
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return np.require(raw, np.float32, "A")  # a copy where older files leave tensors unaligned, which OpenVINO trusts


def _broken(path: Path, reason: str) -> EmbedderError:
    return EmbedderError(
        f"the weights cannot be read: {reason}", where=str(path), hint="The file may be cut short: fetch it again."
    )
