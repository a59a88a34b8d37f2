"""Where the stack's processes find each other, and their files, that would be containers.

A container has its own address and its own root. Here all have 127.0.0.1 and a folder each: so every address and every
path in what a service is given is replaced by the one that counts here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from servers import free_port
from stack.compose import Service

__all__ = ["Place", "Places"]

PORTS = {"redis": 6379, "postgres": 5432}
"""Those that nobody names, since they are what their programs are known by."""

HOME = "/project"  # of the image: its WORKDIR


@dataclass(frozen=True, slots=True)
class Place:
    """One replica of a service: its name, the folder that is its root, and the port here of each port inside."""

    name: str
    service: Service
    number: int
    root: Path
    ports: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def port(self) -> int:
        """The port of a service that has one."""
        return next(iter(self.ports.values()))

    @property
    def folder(self) -> Path:
        """Where its process starts."""
        return self.root / HOME[1:]

    def path(self, inside: str) -> Path:
        """A path of the container, here."""
        return self.root / inside.lstrip("/")


class Places:
    """All of them. `folder` holds the roots, the volumes and the logs."""

    def __init__(self, services: Sequence[Service], folder: Path, replicas: dict[str, int]) -> None:
        self._folder = folder
        self._names = "|".join(sorted(map(re.escape, (each.name for each in services)), key=len, reverse=True))
        texts = [text for each in services for text in _texts(each)]
        self.all = [
            Place(
                name if count == 1 else f"{name}-{number + 1}",
                service,
                number,
                folder / "roots" / name,
                {port: free_port() for port in self._inside(service, texts)},
            )
            for service in services
            for name, count in [(service.name, replicas.get(service.name, service.replicas))]
            for number in range(count)
        ]
        for place in self.all:
            _mounted(place, folder / "volumes")

    def of(self, name: str) -> list[Place]:
        """The replicas of a service."""
        return [place for place in self.all if place.service.name == name]

    def here(self, text: str, place: Place) -> str:
        """What a service is given, with the addresses and paths that count here."""
        for inside, port in place.ports.items():
            text = re.sub(rf"\b(?:127\.0\.0\.1|localhost|0\.0\.0\.0):{inside}\b", f"127.0.0.1:{port}", text)
            text = re.sub(rf"(--port[ =]){inside}\b", rf"\g<1>{port}", text)
        text = text.replace("0.0.0.0", "127.0.0.1")
        if self._names:
            text = re.sub(rf"(?<![\w.-])({self._names})\.?:(\d+)\b", self._address, text)
            text = re.sub(rf"(?<=@)({self._names})(?=/)", self._address, text)
        for inside in sorted({HOME, *(mount.target for mount in place.service.mounts)}, key=len, reverse=True):
            text = re.sub(rf"(?<![\w./-]){re.escape(inside)}(?=/|\s|$|\")", str(place.path(inside)), text)
        return text

    def words(self, given: Sequence[str], place: Place) -> list[str]:
        """A command. A port that stands after `--port` is one, too."""
        found = [self.here(word, place) for word in given]
        for at, word in enumerate(found[1:], 1):
            if found[at - 1] == "--port" and word.isdecimal():
                found[at] = str(place.ports.get(int(word), word))
        return found

    def _address(self, found: re.Match[str]) -> str:
        first = self.of(found[1])[0]
        inside = int(found[2]) if found.lastindex == 2 else PORTS[found[1]]
        return f"127.0.0.1:{first.ports[inside]}"

    def _inside(self, service: Service, texts: Iterable[str]) -> list[int]:
        """The ports that a service listens on: those it says, and those by which others name it."""
        named = re.compile(rf"(?<![\w.-]){re.escape(service.name)}\.?:(\d+)\b")
        found = [*service.ports, *(int(port) for text in texts for port in named.findall(text))]
        return [*dict.fromkeys([*found, *([PORTS[service.name]] if service.name in PORTS else [])])]


def _texts(service: Service) -> list[str]:
    return [*service.command, *service.environment.values()]


def _mounted(place: Place, volumes: Path) -> None:
    """Links its volumes and folders into its root, outermost first."""
    place.folder.mkdir(parents=True, exist_ok=True)
    for mount in sorted(place.service.mounts, key=lambda each: len(each.target)):
        where = place.path(mount.target)
        source = mount.source or volumes / mount.named
        if mount.named:
            source.mkdir(parents=True, exist_ok=True)
        if not where.is_symlink():
            where.parent.mkdir(parents=True, exist_ok=True)
            where.symlink_to(source)
