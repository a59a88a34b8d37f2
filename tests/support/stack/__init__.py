"""The stack of docker-compose.yml, as processes of this machine: each on 127.0.0.1, and none left running.

>>> with Stack(folder, project=project) as stack:
...     key = stack.key("me")
...     ask(stack.url, key)
...     stack.kill("app-1")

What runs, with what environment, after whom and when it is healthy, all of it is read from the file; what cannot be
carried over stands in `compose.LEFT_OUT`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from servers import LEASH, POLL, tail
from stack.compose import Service, services
from stack.places import Place, Places
from stack.programs import Program, program

__all__ = ["LEAST_PATIENCE", "Stack", "StackError"]

ROOT = Path(__file__).parents[3]
LEAST_PATIENCE = 180.0  # seconds for a service to become healthy; a machine that also runs tests is slow
NONE: Mapping[str, str] = MappingProxyType({})
TWO: Mapping[str, int] = MappingProxyType({"app": 2, "vllm": 2})


class StackError(Exception):
    """A part of the stack did not start. The message has the end of its log."""


class Stack:
    """All its processes, from the `with` on until the end of it, or of this process.

    `folder` holds their files and logs. `project` is a project folder; `profiles` are those of the file, and `model` is
    the folder of the model that vLLM serves in the profile gpu. `replicas` says how many there are of a service.
    """

    def __init__(
        self,
        folder: Path,
        *,
        project: Path,
        profiles: Sequence[str] = ("postgres", "scale"),
        replicas: Mapping[str, int] = TWO,
        model: Path | None = None,
        variables: Mapping[str, str] = NONE,
        file: Path = ROOT / "docker-compose.yml",
    ) -> None:
        filled = {"RAGSTONE_PROJECT": str(project), **variables}
        found = services(file, profiles=profiles, variables=filled)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # Postgres and nginx look into it as somebody else
        self.places = Places(found, folder, dict(replicas))
        self._services, self._model = found, model
        self._documents = Path(variables.get("RAGSTONE_DOCUMENTS", project / "docs"))
        self._programs: dict[str, Program] = {}
        self._leashes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stack:
        try:
            for service in self._services:
                self._begin(service)
            self.ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def names(self) -> list[str]:
        """The processes, in the order in which they are started."""
        return [place.name for place in self.places.all]

    @property
    def url(self) -> str:
        """Where the service is reached: by way of nginx where that is in the stack."""
        return self.address("nginx" if self.places.of("nginx") else self.places.of("app")[0].name)

    @property
    def documents(self) -> Path:
        """The folder of the documents that are asked."""
        return self._documents

    def address(self, name: str) -> str:
        """The address of one process: `stack.address("app-2")`."""
        return f"http://127.0.0.1:{self.place(name).port}"

    def place(self, name: str) -> Place:
        """Where one process is."""
        return next(place for place in self.places.all if place.name == name)

    def log(self, name: str) -> str:
        """All that a process has printed."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def pid(self, name: str) -> int:
        """The process that holds a part and all its children."""
        return self._leashes[name].pid

    def running(self, name: str) -> bool:
        """Whether a part has been started and has not ended."""
        return name in self._leashes and self._leashes[name].poll() is None

    # ── One at a time ────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, name: str) -> None:
        """Starts a part that does not run, and waits until it is healthy. Raises StackError."""
        self._run(self.place(name))
        self.ready(name)

    def stop(self, name: str) -> None:
        """Ends a part as Docker does: politely, and after its grace with signal 9."""
        with self.stopping(name):
            pass

    @contextmanager
    def stopping(self, name: str) -> Iterator[None]:
        """Tells a part to end, and waits for it at the end of the block."""
        leash = self._leashes.pop(name)
        assert leash.stdin is not None
        leash.stdin.close()
        try:
            yield
        finally:
            leash.wait()

    def kill(self, name: str) -> None:
        """Ends a part and its children with signal 9."""
        leash = self._leashes.pop(name)
        assert leash.stdin is not None
        leash.stdin.write(b"kill")
        leash.stdin.flush()
        leash.wait()
        leash.stdin.close()

    def restart(self, name: str) -> None:
        """Ends a part politely, and starts it again."""
        self.stop(name)
        self.start(name)

    def close(self) -> None:
        """Ends all of it: what needs something before that."""
        for group in reversed(self._services):
            named = [place.name for place in self.places.of(group.name) if place.name in self._leashes]
            with ThreadPoolExecutor(max(len(named), 1)) as threads:
                list(threads.map(self.stop, named))

    # ── What an operator does ────────────────────────────────────────────────────────────────────────────────────────

    def ragstone(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in the first app's container. Raises CalledProcessError where it fails."""
        place = self.places.of("app")[0]
        given = self._programs[place.name]
        command = [sys.executable, "-m", "ragstone", *arguments]
        return subprocess.run(
            command, env=dict(given.environment), cwd=given.folder, check=True, capture_output=True, text=True
        )

    def key(self, name: str, *arguments: str) -> str:
        """A new access key."""
        return self.ragstone("key", "create", name, *arguments).stdout.strip()

    def ready(self, *names: str) -> None:
        """Waits until those named, or all, are healthy. Raises StackError with the end of a log."""
        for name in names or self.names:
            place = self.place(name)
            if place.service.check is not None:
                self._healthy(place)

    # ── Processes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, service: Service) -> None:
        for other, condition in service.needs.items():
            for place in self.places.of(other):
                if condition == "service_healthy":
                    self._healthy(place)
                elif condition == "service_completed_successfully":
                    self._completed(place)
        for place in self.places.of(service.name):
            self._run(place)

    def _run(self, place: Place) -> None:
        given = self._programs.get(place.name)
        if given is None:
            given = self._programs[place.name] = program(place, self.places, model=self._model)
        with self._log(place.name).open("ab") as output:
            self._leashes[place.name] = subprocess.Popen(
                [sys.executable, LEASH, "--grace", str(place.service.grace), *given.command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=given.folder,
                env=dict(given.environment),
            )

    def _healthy(self, place: Place) -> None:
        check, leash = place.service.check, self._leashes[place.name]
        assert check is not None
        limit = time.monotonic() + max(check.patience, LEAST_PATIENCE)
        given = self._programs[place.name]
        options: dict[str, Any] = {"env": dict(given.environment), "cwd": given.folder, "capture_output": True}
        while True:
            if leash.poll() is not None:
                raise self._failed(place, f"ended with status {leash.returncode}")
            try:
                if subprocess.run(given.check, timeout=max(check.timeout, 30), check=False, **options).returncode == 0:
                    return
            except subprocess.TimeoutExpired:
                pass
            if time.monotonic() > limit:
                raise self._failed(place, "has not become healthy")
            time.sleep(2 * POLL)

    def _completed(self, place: Place) -> None:
        if (status := self._leashes[place.name].wait(LEAST_PATIENCE)) != 0:
            raise self._failed(place, f"ended with status {status}")

    def _failed(self, place: Place, how: str) -> StackError:
        return StackError(f"{place.name} {how}:\n{tail(self._log(place.name))}")

    def _log(self, name: str) -> Path:
        folder = self.folder / "logs"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.log"
