"""What holds for every connector."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import inspect
import sys
from abc import abstractmethod
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Generic, TypeVar

import pytest
import pytest_asyncio

from ragstone.protocols import Connector
from ragstone.types import Context

__all__ = ["CONTEXT", "ConnectorSuite"]

C = TypeVar("C", bound=Connector)

CONTEXT = Context()


@pytest.mark.asyncio
class ConnectorSuite(Generic[C]):
    """The tests that all suites share."""

    vendors: ClassVar[tuple[str, ...]] = ()
    """Top-level packages that block, so that none of their code may run on the event loop's thread."""

    @abstractmethod
    def make(self, tmp_path: Path) -> C:
        """A new connector. Whatever it keeps on disk goes under `tmp_path`."""

    @abstractmethod
    async def exercise(self, connector: C) -> None:
        """Calls everything once."""

    @pytest_asyncio.fixture
    async def connector(self, tmp_path: Path) -> AsyncIterator[C]:
        """What `make` makes, closed at the end."""
        made = self.make(tmp_path)
        yield made
        await made.close()

    async def test_every_method_takes_the_context_by_keyword(self, connector: C) -> None:
        for protocol in _protocols(type(connector)):
            for name in [name for name, method in vars(protocol).items() if _takes_context(method)]:
                context = inspect.signature(getattr(connector, name)).parameters.get("context")
                assert context is not None, f"{name} takes no context"
                assert context.kind is inspect.Parameter.KEYWORD_ONLY, name

    async def test_nothing_that_blocks_runs_on_the_event_loops_thread(self, connector: C) -> None:
        if not self.vendors:
            pytest.skip("names no vendors")
        with _calls_into(self.vendors) as calls:
            await self.exercise(connector)
            await connector.close()
        assert not calls

    async def test_closing_twice_is_harmless(self, connector: C) -> None:
        await self.exercise(connector)
        await connector.close()
        await connector.close()

    async def test_loading_is_optional_and_may_be_repeated(self, connector: C) -> None:
        await connector.load()
        await connector.load()
        await self.exercise(connector)

    async def test_a_new_connector_closes_too(self, connector: C) -> None:
        await connector.close()


def _protocols(connector: type[Connector]) -> list[type]:
    return [base for base in connector.__mro__ if base.__module__ == "ragstone.protocols"]


def _takes_context(method: Any) -> bool:
    return inspect.isfunction(method) and "context" in inspect.signature(method).parameters


@contextmanager
def _calls_into(packages: Sequence[str]) -> Generator[list[str]]:
    """The functions of these packages that the current thread calls meanwhile, those of compiled modules too."""
    calls: list[str] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        elif event == "c_call":
            owner = getattr(argument, "__self__", None)
            module = getattr(argument, "__module__", None) or type(owner).__module__
            name = getattr(argument, "__name__", "")
        else:
            return
        # The collector ends what is dead on whatever thread it runs.
        if str(module).split(".")[0] in packages and name != "__del__":
            calls.append(f"{module}.{name}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)
