"""What holds for every test: the network is refused, no key is written, and no developer's environment leaks in."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.testing
from hypothesis import settings

import key_leaks
import mock_upstream
import no_network
from mock_upstream import Upstream
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.runtime import Runtime
from ragstone.connectors.openvino.settings import Settings

no_network.refuse()

# On a busy machine the threads of numpy's algebra wait for each other: seconds for what one alone does in 15 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("ragstone", deadline=None)  # no test is about time, on a busy machine least of all
settings.load_profile("ragstone")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: at the end nobody waits for one file."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_xdist_auto_num_workers() -> int:
    """More than there are processors: a third of the time of these tests is waiting, for threads and for servers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + max(1, cores // 2)


def pytest_configure(config: pytest.Config) -> None:
    """Searches all that tests write for keys, and has Ctrl-C mean what it means in a terminal."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that starts something in the background has it ignore Ctrl-C, and so everything that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(key_leaks.KeyLeaks(config), "key_leaks")


# To read what all commands declare takes longer than most of them do.
typer.testing._get_command = functools.cache(typer.testing._get_command)


RUNTIMES: dict[tuple[object, ...], Runtime] = {}


def shared_runtime(weights: Path, settings: Settings, *, cache: Cache, key: str, threads: int | None) -> Runtime:
    """The network of these weights, loaded by whoever needs it first."""
    name = weights, settings, key, threads
    if name not in RUNTIMES:
        RUNTIMES[name] = Runtime(weights, settings, cache=cache, key=key, threads=threads)
    return RUNTIMES[name]


CONFIGURATION = ("RAGSTONE_", "OPENAI_")
KEPT = {"RAGSTONE_DATA", "RAGSTONE_REQUIRE_SERVERS", "RAGSTONE_VLLM_PYTHON"}


@pytest.fixture(autouse=True)
def _shared_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One network for all, since to load it takes longer than most tests; but for the tests of that."""
    if "openvino" not in request.path.parts:
        monkeypatch.setattr("ragstone.connectors.openvino.runtime.Runtime", shared_runtime)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no cache and no gauge slow. A test about slow ones says itself how long it waits."""
    monkeypatch.setattr("ragstone.caching.spared.PATIENCE", 60.0)
    monkeypatch.setattr("ragstone.pipelines.cache_parts.PATIENCE", {})
    monkeypatch.setattr("ragstone.connectors.openai.load.PATIENCE", 60.0)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch, _clean_environment: None) -> Iterator[Upstream]:
    """The server of the model `local` that a new project names."""
    with mock_upstream.serving() as running:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", running.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "mock")
        yield running


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own keys and servers configure no test."""
    for name in os.environ:
        if name.startswith(CONFIGURATION) and name not in KEPT:
            monkeypatch.delenv(name)
