"""How weights and the KV cache are stored in fewer bits."""

from __future__ import annotations

from dataclasses import dataclass

from ragstone.errors import UsageError, nearest
from ragstone.inference.serving.shape import FLOATS, Shape

__all__ = ["KV_CACHE", "METHODS", "Method", "find_method", "kv_bytes", "stored_method"]

SCALES_OF_128 = 2.5 / 128  # a scale of 16 bits and a zero point of 4 for each 128 weights, as AWQ and GPTQ have them


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to store weights. `bytes` are those of one weight with its share of the scales, `words` say what they are.

    `flag` is what vLLM is told to quantise to as it loads, None where only a checkpoint made so will do; `stored` are
    the names that such a checkpoint has in its config.
    """

    name: str
    bytes: float
    words: str
    flag: str | None = None
    stored: tuple[str, ...] = ()


AWQ = ("awq", "auto_awq", "awq_marlin")
GPTQ = ("gptq", "auto_gptq", "gptq_marlin")
COMPRESSED = ("compressed-tensors", "modelopt", "quark", "torchao", "humming")
_ALL = (
    Method(name="fp8", bytes=1, words="8 bits", flag="fp8", stored=("fp8", "fbgemm_fp8", *COMPRESSED)),
    Method(
        name="mxfp8", bytes=1 + 1 / 32, words="8 bits and their scales", flag="mxfp8", stored=("mxfp8", *COMPRESSED)
    ),
    Method(name="int8", bytes=1, words="8 bits", stored=("experts_int8", *GPTQ, *COMPRESSED)),
    Method(name="awq", bytes=0.5 + SCALES_OF_128, words="4 bits and their scales", stored=AWQ),
    Method(name="gptq", bytes=0.5 + SCALES_OF_128, words="4 bits and their scales", stored=GPTQ),
    Method(
        name="int4", bytes=0.5 + SCALES_OF_128, words="4 bits and their scales",
        stored=(*AWQ, *GPTQ, "inc", "moe_wna16", *COMPRESSED),
    ),
    Method(
        name="mxfp4", bytes=0.5 + 1 / 32, words="4 bits and their scales", flag="mxfp4",
        stored=("mxfp4", "gpt_oss_mxfp4", *COMPRESSED),
    ),
    Method(
        name="nvfp4", bytes=0.5 + 1 / 16, words="4 bits and their scales", stored=("modelopt_fp4", *COMPRESSED)
    ),
)  # fmt: skip
METHODS = {method.name: method for method in _ALL}
SERVED = {stored for method in _ALL for stored in method.stored} | {
    "modelopt_mixed",
    "modelopt_mxfp8",
    "deepseek_v4_fp8",
}
KV_CACHE = {"auto": None, "fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}


def find_method(name: str | None, shape: Shape) -> Method | None:
    """The method of a name; None for none. Raises UsageError for one that is unknown, or not that of the weights."""
    if shape.quantized and shape.quantized not in SERVED:
        raise UsageError(
            f"its weights are stored as {shape.quantized!r}, which vLLM 0.33 does not load",
            where=shape.name,
            expected=f"one of {', '.join(sorted(SERVED))}",
        )
    if name is None:
        return None
    method = METHODS.get(name.lower())
    if method is None:
        raise UsageError(
            f"{name!r} is no quantisation",
            where="--quantization",
            expected=f"one of {', '.join(METHODS)}",
            hint=nearest(name.lower(), METHODS),
        )
    if shape.quantized and shape.quantized not in method.stored:
        raise UsageError(
            f"{shape.name} is quantised already, to {shape.quantized!r}: vLLM loads it as it is",
            where="--quantization",
            found=name,
            hint="Leave --quantization out.",
        )
    return method


def stored_method(shape: Shape) -> Method | None:
    """How quantised weights are stored that are only known by their number; None where they are not quantised.

    Raises UsageError for a format that may hold weights of several sizes.
    """
    if shape.quantized is None:
        return None
    fitting = [method for method in _ALL if shape.quantized in method.stored]
    if len({method.bytes >= 1 for method in fitting}) != 1:
        raise UsageError(
            f"its weights are stored as {shape.quantized!r}, which may be 8 bits or 4",
            where=shape.name,
            hint="Say which: --quantization int4",
        )
    return fitting[-1]


def kv_bytes(name: str, dtype: str) -> int:
    """Bytes of one number in the KV cache. Raises UsageError for an unknown type."""
    if name not in KV_CACHE:
        raise UsageError(
            f"{name!r} is no type of the KV cache",
            where="--kv-cache",
            expected=f"one of {', '.join(KV_CACHE)}",
            hint=nearest(name, KV_CACHE),
        )
    return KV_CACHE[name] or FLOATS[dtype]
