"""GPUs and the memory that a program gets of each."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from ragstone.errors import UsageError, nearest

__all__ = ["GPUS", "KEPT", "Gpu", "find_gpu", "gpu_here"]

GIB = 1024**3
KEPT = 0.6
"""GiB that the driver keeps of what nvidia-smi lists: 0.5 to 0.6 on the cards whose two figures are both published.

H100 79.65 and 79.11 (vllm#27508), L40S 44.99 and 44.42, RTX 5090 31.84 and 31.37 (vllm#14452), RTX 4090 23.99 and
23.52.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A kind of GPU. `memory` are the bytes that vLLM sees of it; `capability` is CUDA's, None where not known."""

    name: str
    memory: int
    capability: float | None = None

    @property
    def small_batches(self) -> bool:
        """Whether vLLM reads 2,048 tokens at once there, and not 8,192 (`EngineArgs.get_batch_defaults` of 0.33)."""
        return self.memory < 70 * GIB or "A100" in self.name

    @property
    def batch(self) -> int:
        """Tokens that vLLM reads in one step unless told otherwise."""
        if self.memory >= 160 * GIB:
            return 16384
        return 2048 if self.small_batches else 8192


def _listed(name: str, mebibytes: int, capability: float) -> Gpu:
    return Gpu(name=name, memory=mebibytes * 1024**2 - int(KEPT * GIB), capability=capability)


# MiB as nvidia-smi lists them, and CUDA's capability (developer.nvidia.com/cuda-gpus).
GPUS = {
    "t4": _listed("T4", 15360, 7.5),
    "a10": _listed("A10", 23028, 8.6),
    "l4": _listed("L4", 23034, 8.9),
    "rtx3090": _listed("RTX 3090", 24576, 8.6),
    "rtx4090": _listed("RTX 4090", 24564, 8.9),
    "rtx5090": _listed("RTX 5090", 32607, 12.0),
    "a100-40": _listed("A100 40GB", 40960, 8.0),
    "a40": _listed("A40", 46068, 8.6),
    "l20": _listed("L20", 46068, 8.9),
    "l40s": _listed("L40S", 46068, 8.9),
    "rtx6000ada": _listed("RTX 6000 Ada", 49140, 8.9),
    "a100-80": _listed("A100 80GB", 81920, 8.0),
    "h100": _listed("H100", 81559, 9.0),
    "rtxpro6000": _listed("RTX PRO 6000", 97887, 12.0),
    "h200": _listed("H200", 143771, 9.0),
    "b200": _listed("B200", 183359, 10.0),
}
ALIASES = {
    "a100": "a100-80",
    "h100-80": "h100",
    "h100-sxm": "h100",
    "4090": "rtx4090",
    "3090": "rtx3090",
    "5090": "rtx5090",
}


def find_gpu(name: str) -> Gpu:
    """The GPU of a name, or of its memory as in `24GiB`, which is then what a program gets. Raises UsageError.

    >>> find_gpu("l4").name
    'L4'
    """
    word = re.sub(r"[\s_]", "", name.lower()).removeprefix("nvidia")
    if stated := re.fullmatch(r"(\d+(?:\.\d+)?)gib", word):
        memory = int(float(stated[1]) * GIB)
        if memory < GIB:
            raise UsageError("a GPU with less than 1 GiB serves no model", where="--gpu", found=name)
        return Gpu(name=f"GPU of {float(stated[1]):g} GiB", memory=memory)
    word = ALIASES.get(word, word)
    if word not in GPUS:
        raise UsageError(
            f"no GPU {name!r} is known",
            where="--gpu",
            expected=f"one of {', '.join(GPUS)}, or its memory, such as 24GiB",
            hint=nearest(word, [*GPUS, *ALIASES]),
        )
    return GPUS[word]


def gpu_here() -> Gpu | None:
    """The first GPU of this machine, as nvidia-smi lists it; None where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = ["--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run([program, *query], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    name, _, rest = done.stdout.partition(",")
    figures = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+\.\d+)\s*", rest.splitlines()[0] if rest else "")
    if done.returncode or figures is None:
        return None
    return _listed(name.strip(), int(figures[1]), float(figures[2]))
