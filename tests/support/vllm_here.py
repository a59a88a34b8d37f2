"""Where vLLM is installed, and what it needs to run on a CPU without looking anything up."""

from __future__ import annotations

import os
from pathlib import Path

VLLM_PYTHON = Path(os.environ.get("RAGSTONE_VLLM_PYTHON", Path(__file__).parents[2] / ".venv-vllm/bin/python"))
VLLM_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    # Several threads of so small a model wait for each other: on a busy machine fifteen times as long as one works.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
