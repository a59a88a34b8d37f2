"""The command that serves a model with vLLM, and the service for Docker Compose."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ragstone.inference.serving.adapters import slot_rank
from ragstone.inference.serving.memory import UTILIZATION, Load

__all__ = ["ENVIRONMENT", "IMAGE", "arguments", "compose", "docker", "shown"]

IMAGE = "vllm/vllm-openai:v0.33.0"
ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""vLLM sends no figures of its use with these."""

MOUNTED = PurePosixPath("/models")
HEALTHY = ["CMD", "python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"]
HARDENED = (
    "    restart: unless-stopped",
    "    read_only: true",
    '    user: "10001:10001"',
    "    cap_drop: [ALL]",
    '    security_opt: ["no-new-privileges:true"]',
    "    pids_limit: 4096",
    '    tmpfs: ["/tmp:exec,size=8g"]',  # kernels are compiled there, and run
    "    shm_size: 8gb",  # through which several GPUs talk
)
"""As the other services of docker-compose.yml: nobody's root, and nothing written but to the volume and to memory."""
QUEUE = 256  # requests that may wait in the server; more are answered with 503, and go elsewhere at once


def arguments(load: Load, *, name: str | None = None, places: Mapping[str, str] | None = None) -> list[str]:
    """What follows `vllm serve MODEL`, as computed: nothing is left to a default that the memory depends on.

    `name` is what the model is asked for by; `places` are folders that lie elsewhere for the server.
    """
    at = places or {}
    given = ["--served-model-name", name] if name else []
    if load.shape.dtype != "bfloat16" or _lacks_bfloat16(load):
        given += ["--dtype", "float16" if _lacks_bfloat16(load) else load.shape.dtype]
    given += ["--max-model-len", str(load.context), "--max-num-seqs", str(load.concurrency)]
    given += ["--max-num-batched-tokens", str(load.batch), "--max-num-queued-reqs", str(load.concurrency + QUEUE)]
    given += ["--gpu-memory-utilization", f"{load.utilization:g}"] if load.utilization != UTILIZATION else []
    given += ["--tensor-parallel-size", str(load.gpus)] if load.gpus > 1 else []
    if load.method is not None and load.method.flag is not None and not load.shape.quantized:
        given += ["--quantization", load.method.flag]
    given += ["--kv-cache-dtype", load.kv_cache] if load.kv_cache != "auto" else []
    if load.speculation is not None:
        config = dict(load.speculation.config)
        if "model" in config:
            config["model"] = at.get(config["model"], config["model"])
        given += ["--speculative-config", json.dumps(config)]
    if load.adapters:
        rank = slot_rank(max(one.rank for one in load.adapters))
        given += ["--enable-lora", "--max-loras", str(len(load.adapters)), "--max-lora-rank", str(rank)]
        given += ["--lora-modules", *(f"{one.name}={at.get(one.path, one.path)}" for one in load.adapters)]
    return [*given, "--enable-prefix-caching", "--enable-prompt-tokens-details"]


def shown(command: Sequence[str], *, width: int = 78) -> str:
    """A command for a shell, broken into lines that continue each other."""
    lines: list[str] = []
    for word in _grouped(command):
        if lines and "\n" not in word and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}" if lines else word)
    return " \\\n".join(lines)


def compose(
    load: Load, model: str, *, name: str | None = None, folders: Sequence[str] = (), variable: str | None = None
) -> str:
    """A service for docker-compose.yml. `folders` on this machine are mounted; `variable` may name another model."""
    places = {folder: str(MOUNTED / f"{number}") for number, folder in enumerate(folders)}
    served = f"${{{variable}:-{model}}}" if variable else places.get(model, model)
    words = [served, *arguments(load, name=name, places=places)]
    mounts = [f"{_mounted(folder)}:{place}:ro" for folder, place in places.items()]
    lines = [
        "  vllm:",
        f"    image: {IMAGE}",
        *HARDENED,
        "    command:",
        *(f"      - {json.dumps(word)}" for word in words),
        "    environment:",
        *(f'      {key}: "{value}"' for key, value in ENVIRONMENT.items()),
        "      HOME: /tmp",
        "      USER: vllm",
        *([] if places else ["      HF_TOKEN: ${HF_TOKEN:-}"]),
        "      HF_HOME: /models",
        "    volumes:",
        *(f"      - {json.dumps(mount)}" for mount in mounts),
        *([] if places else ["      - models:/models"]),
        *([] if places else ["    depends_on: {models: {condition: service_completed_successfully}}"]),
        "    deploy:",
        "      resources:",
        '        limits: {cpus: "${RAGSTONE_VLLM_CPUS:-4}", memory: "${RAGSTONE_VLLM_MEMORY:-64g}"}',
        "        reservations:",
        "          devices:",
        f"            - {{driver: nvidia, count: {load.gpus}, capabilities: [gpu]}}",
        "    healthcheck:",
        f"      test: {json.dumps(HEALTHY)}",
        "      interval: 10s",
        "      timeout: 5s",
        "      retries: 60",
        "      start_period: 600s",
    ]
    return "\n".join(lines)


def docker(load: Load, model: str, *, folders: Sequence[str] = ()) -> list[str]:
    """The same as one command, for where vLLM is not installed."""
    places = {folder: str(MOUNTED / f"{number}") for number, folder in enumerate(folders)}
    gpus = "all" if load.gpus == 1 else str(load.gpus)
    given = ["docker", "run", "--rm", "--gpus", gpus, "--ipc", "host", "-p", "127.0.0.1:8000:8000"]
    for key, value in ENVIRONMENT.items():
        given += ["-e", f"{key}={value}"]
    for folder, place in places.items():
        given += ["-v", f"{Path(folder).resolve()}:{place}:ro"]
    given += [] if places else ["-v", "models:/root/.cache/huggingface"]
    return [*given, IMAGE, places.get(model, model), *arguments(load, name=model, places=places)]


def _mounted(folder: str) -> str:
    """A folder as Compose takes it: one beside its file begins with a dot, or it is the name of a volume."""
    return folder if folder.startswith(("/", ".", "~")) else f"./{folder}"


def _lacks_bfloat16(load: Load) -> bool:
    return load.gpu.capability is not None and load.gpu.capability < 8


def _grouped(command: Sequence[str]) -> list[str]:
    """Each option with its values, so that no line ends between them."""
    groups: list[list[str]] = []
    for word in command:
        if groups and not word.startswith("-") and groups[-1][0].startswith("-"):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [_broken(shlex.join(group)) for group in groups]


def _broken(words: str) -> str:
    """An object in JSON over several lines, as its quotation marks allow: it would be wider than a terminal."""
    return words.replace(', "', ',\n        "') if "{" in words else words
