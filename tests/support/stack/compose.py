"""docker-compose.yml, read: what each of its services runs, with what, and after whom.

What it says beyond that stands in LEFT_OUT. A key in neither list is an error, so that nothing is left out unseen.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["LEFT_OUT", "Check", "Mount", "Service", "services"]

CARRIED = {"command", "depends_on", "deploy", "entrypoint", "environment", "expose", "healthcheck"}
CARRIED |= {"ports", "profiles", "scale", "stop_grace_period", "volumes"}

LEFT_OUT = {
    "image": "no image can be pulled here: each program is the one that is installed, as stack/programs.py says",
    "build": "the code of this checkout runs, in the environment that runs the stack",
    "restart": "who has killed a process starts it again, so that a test sees what happens in between",
    "deploy.resources": "processes share the machine; limits and reservations are the kernel's to give to containers",
    "mem_limit": "as deploy.resources",
    "mem_reservation": "as deploy.resources",
    "cpus": "as deploy.resources",
    "pids_limit": "as deploy.resources",
    "ulimits": "as deploy.resources",
    "shm_size": "as deploy.resources",
    "ipc": "processes of one machine share it already",
    "user": "all run as whoever starts the stack; Postgres alone refuses root and runs as nobody",
    "cap_drop": "a process here has the rights of whoever starts the stack",
    "cap_add": "as cap_drop",
    "security_opt": "as cap_drop",
    "read_only": "there is no root of a container: each service writes into its folder of the stack",
    "tmpfs": "a folder of the stack, which is removed with it",
    "init": "what a process leaves behind is ended with it",
    "networks": "everything is on 127.0.0.1",
    "hostname": "as networks",
    "container_name": "the stack has names of its own",
    "logging": "each process has a log file",
    "labels": "nobody reads them here",
    "healthcheck.interval": "looked at twice a second, so that a test does not wait",
    "ports' published side": "free ports are chosen, so that several stacks can run",
}
"""What of the file is not carried over, and why."""

VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?-)([^}]*))?\}|(\w+))")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
HEALTH = re.compile(r"^HEALTHCHECK((?: --\S+)*)\s+CMD (\[.*\])$", re.MULTILINE)
COMMAND = re.compile(r"^CMD (\[.*\])$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume or a folder, and where the container sees it. `named` is a volume's name; else `source` is a path."""

    target: str
    named: str = ""
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """How to find out whether a service is healthy; `patience` is how long it may take until it is, in seconds."""

    command: Sequence[str]
    timeout: float
    patience: float


@dataclass(frozen=True, slots=True)
class Service:
    """One of them. `needs` are the services before it, each with its condition; `ports` are those inside."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[Mount]
    ports: Sequence[int]
    needs: Mapping[str, str]
    check: Check | None
    grace: float
    replicas: int


def services(file: Path, *, profiles: Sequence[str] = (), variables: Mapping[str, str]) -> list[Service]:
    """Those of the default and the given profiles, each after what it needs. Raises ValueError for an unknown key."""
    whole = _filled(yaml.safe_load(file.read_text(encoding="utf-8")), variables)
    wanted = {
        name: given
        for name, given in whole["services"].items()
        if not given.get("profiles") or set(given["profiles"]) & set(profiles)
    }
    found = {name: _service(name, given, wanted, file.parent) for name, given in wanted.items()}
    ordered: list[Service] = []
    while len(ordered) < len(found):
        there = {service.name for service in ordered}
        ready = [each for name, each in found.items() if name not in there and each.needs.keys() <= there]
        if not ready:
            raise ValueError(f"{file.name}: these wait for each other: {sorted(found.keys() - there)}")
        ordered += ready
    return ordered


def _service(name: str, given: Mapping[str, Any], wanted: Mapping[str, Any], root: Path) -> Service:
    strange = [key for key in given if key not in CARRIED and key not in LEFT_OUT and not key.startswith("x-")]
    if strange:
        raise ValueError(f"service {name}: `{strange[0]}` is neither carried over nor left out: see stack/compose.py")
    built = (root / "Dockerfile").read_text(encoding="utf-8") if "build" in given else ""
    command = given.get("command") or _of_image(COMMAND, built)
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    deploy = given.get("deploy", {})
    ports = [str(port) for port in (*given.get("ports", []), *given.get("expose", []))]
    return Service(
        name=name,
        command=[*_listed(given.get("entrypoint", [])), *words],
        environment=_environment(given.get("environment", {})),
        mounts=[_mount(each, root) for each in given.get("volumes", [])],
        ports=[int(port.split("/")[0].split(":")[-1]) for port in ports],
        needs={other: how for other, how in _needs(given.get("depends_on", {})).items() if other in wanted},
        check=_check(given.get("healthcheck")) or _image_check(built),
        grace=_seconds(given.get("stop_grace_period", "10s")),
        replicas=int(deploy.get("replicas", given.get("scale", 1))),
    )


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """With `${NAME:-default}` in all texts replaced, as docker-compose does it."""
    if isinstance(value, dict):
        return {key: _filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    return VARIABLE.sub(lambda found: _value(found, variables), value) if isinstance(value, str) else value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    dollar, name, how, default, plain = found.groups()
    if dollar:
        return "$"
    given = variables.get(name or plain)
    if given is None or (not given and how == ":-"):
        return default or ""
    return given


def _listed(given: str | Sequence[str]) -> list[str]:
    return shlex.split(given) if isinstance(given, str) else [*given]


def _environment(given: Mapping[str, Any] | Sequence[str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {name: "" if value is None else str(value) for name, value in given.items()}
    return dict(line.split("=", 1) for line in given if "=" in line)


def _needs(given: Mapping[str, Any] | Sequence[str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {name: how["condition"] for name, how in given.items()}
    return dict.fromkeys(given, "service_started")


def _mount(given: str | Mapping[str, Any], root: Path) -> Mount:
    if isinstance(given, str):
        source, target = given.split(":")[:2]
    else:
        source, target = str(given.get("source", "")), str(given["target"])
    if source.startswith((".", "/", "~")):
        return Mount(target, source=(root / source).resolve())
    return Mount(target, named=source)


def _check(given: Mapping[str, Any] | None) -> Check | None:
    if not given or given.get("disable"):
        return None
    kind, *words = given["test"]
    command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
    timeout = _seconds(given.get("timeout", "30s"))
    tries = int(given.get("retries", 3)) * _seconds(given.get("interval", "30s"))
    return Check(command, timeout, _seconds(given.get("start_period", "0s")) + tries)


def _of_image(pattern: re.Pattern[str], built: str) -> list[str]:
    found = pattern.findall(built)
    return json.loads(found[-1]) if found else []


def _image_check(built: str) -> Check | None:
    """That of the Dockerfile, for a service that has none of its own."""
    found = HEALTH.search(built.replace("\\\n", " "))
    if found is None:
        return None
    options = dict(option.removeprefix("--").split("=", 1) for option in found[1].split())
    named = {name.replace("-", "_"): value for name, value in options.items()}
    return _check({**named, "test": ["CMD", *json.loads(found[2])]})


def _seconds(given: str) -> float:
    parts = DURATION.findall(str(given))
    if not parts:
        raise ValueError(f"{given!r} is no duration such as 1m30s")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)
