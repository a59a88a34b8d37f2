"""What stands here for the programs that come with an image, and what only they need to run as processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import postgres
from servers import missing
from stack.places import Place, Places
from vllm_here import VLLM_ENVIRONMENT, VLLM_PYTHON

__all__ = ["Program", "program"]

PASSED = ("HOME", "LANG", "LD_LIBRARY_PATH", "OPENBLAS_NUM_THREADS", "PYTHONPATH", "TMPDIR", "XDG_CACHE_HOME")
"""Of the environment of whoever starts the stack; a container has none of it."""

WINDOW = "8192"  # tokens of the tiny model that stands for the one of the file
ALONE = ("gpu-memory-utilization", "max-model-len", "quantization", "kv-cache-dtype", "speculative-config", "dtype")
"""Flags of vLLM that go with the GPU or with the model that they were planned for."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command as it is run here, with its whole environment, in its folder; and how its health is asked."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    check: Sequence[str]


def program(place: Place, places: Places, *, model: Path | None) -> Program:
    """What one replica runs. `model` is the folder of the model that vLLM serves. May make files in its root."""
    service = place.service
    command = places.words(service.command, place)
    check = places.words(service.check.command, place) if service.check else []
    first = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if name in PASSED}
    environment |= {"PATH": f"{first}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    environment |= {name: places.here(value, place) for name, value in service.environment.items()}
    for kind, adapt in _ADAPTED.items():
        if kind in (service.name, *service.command[:1]):
            return adapt(Program(command, environment, place.folder, check), place, places, model)
    return Program(command, environment, place.folder, check)


def _redis(given: Program, place: Place, places: Places, model: Path | None) -> Program:
    """It takes its port and address as flags; redis-cli, too."""
    if shutil.which("redis-server") is None:
        missing("redis-server", "Run: make test-servers")
    port = ["--port", str(place.port)]
    check = given.check and [given.check[0], "-p", str(place.port), *given.check[1:]]
    return Program([*given.command, *port, "--bind", "127.0.0.1"], given.environment, given.folder, check)


def _postgres(given: Program, place: Place, places: Places, model: Path | None) -> Program:
    """The image makes the database of POSTGRES_DB when its volume is empty; so does this."""
    user, database, password = (given.environment[f"POSTGRES_{part}"] for part in ("USER", "DB", "PASSWORD"))
    data = place.root / "server/data"
    data.parent.mkdir(exist_ok=True)
    postgres.made(data, user=user, database=database, password=password)
    found = {**given.environment, "PGHOST": "127.0.0.1", "PGPORT": str(place.port)}
    check = [postgres.program(given.check[0]), *given.check[1:]] if given.check else []
    return Program(postgres.serving(data, place.port), found, data.parent, check)


def _nginx(given: Program, place: Place, places: Places, model: Path | None) -> Program:
    """Its configuration, with the addresses that count here: one line of `upstream` for each replica."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        missing("nginx", "Run: make test-servers")
    mount = next(each for each in place.service.mounts if each.target.endswith((".conf", ".template")))
    assert mount.source is not None
    text = mount.source.read_text(encoding="utf-8")
    servers = re.compile(r"^(\s*)server\s+([\w-]+):(\d+)([^;{]*);", re.MULTILINE)
    text = servers.sub(lambda line: _one_each(line, places), text)
    text = re.sub(r"^\s*(?:pid|user|resolver|error_log|access_log)\s[^;]*;", "", text, flags=re.MULTILINE)
    text = re.sub(r"\blisten\s+(?:\[::\]:|0\.0\.0\.0:)?(\d+)", lambda at: _listen(at, place), text)
    text = re.sub(r"(_temp_path\s+)/", rf"\g<1>{place.root}/", text)
    text = re.sub(r"^\s*listen\s+127\.0\.0\.1:\d+ ipv6only[^;]*;", "", text, flags=re.MULTILINE)
    (place.root / "tmp").mkdir(exist_ok=True)
    (place.root / "logs").mkdir(exist_ok=True)
    conf = place.root / "nginx.conf"
    conf.write_text(f"pid {place.root}/nginx.pid;\n" + text, encoding="utf-8")
    command = [found, "-e", "stderr", "-p", str(place.root), "-c", str(conf), "-g", "daemon off;"]
    return Program(command, given.environment, place.folder, given.check)


def _one_each(line: re.Match[str], places: Places) -> str:
    indent, name, inside, rest = line.groups()
    rest = rest.replace(" resolve", "")
    return "\n".join(f"{indent}server 127.0.0.1:{each.ports[int(inside)]}{rest};" for each in places.of(name))


def _listen(found: re.Match[str], place: Place) -> str:
    return f"listen 127.0.0.1:{place.ports[int(found[1])]}"


def _vllm(given: Program, place: Place, places: Places, model: Path | None) -> Program:
    """The tiny model under the name of the one that the file serves, on the CPU."""
    assert model is not None, "the profile gpu takes a model"
    name, *flags = given.command
    kept = [word for flag, *values in _flags(flags) if flag[2:] not in ALONE for word in (flag, *values)]
    where = ["--host", "127.0.0.1", "--port", str(place.port), "--max-model-len", WINDOW, "--enforce-eager"]
    command = [str(VLLM_PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    environment = {**given.environment, **VLLM_ENVIRONMENT}
    environment.pop("PYTHONPATH", None)  # of the other environment
    return Program([*command, "--served-model-name", name, *kept, *where], environment, place.folder, given.check)


def _flags(words: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for word in words:
        if word.startswith("--"):
            found.append([word])
        else:
            found[-1].append(word)
    return found


_ADAPTED = {"redis-server": _redis, "postgres": _postgres, "nginx": _nginx, "vllm": _vllm}
"""By the name of the service, or the first word of its command."""


def made_model(folder: Path, texts: Sequence[Path]) -> Path:
    """The tiny random Llama, made in the environment of vLLM. Skips the test, or fails it, where there is none."""
    if not VLLM_PYTHON.exists():
        missing("vLLM", "Run: make test-vllm")
    maker = Path(__file__).parents[2] / "servers/make_tiny_model.py"
    subprocess.run([VLLM_PYTHON, maker, folder, *texts], check=True, capture_output=True)
    assert json.loads((folder / "config.json").read_text())
    return folder
