"""What holds for every test: the network is refused, no key is written, and no developer's environment leaks in."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

import key_leaks
import no_network

no_network.refuse()

# On a busy machine the threads of numpy's algebra wait for each other: seconds for what one alone does in 15 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("ragstone", deadline=None)  # no test is about time, on a busy machine least of all
settings.load_profile("ragstone")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: at the end nobody waits for one file."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_configure(config: pytest.Config) -> None:
    """Searches all that tests write for keys."""
    config.pluginmanager.register(key_leaks.KeyLeaks(config), "key_leaks")


CONFIGURATION = ("RAGSTONE_", "OPENAI_")
KEPT = {"RAGSTONE_DATA", "RAGSTONE_REQUIRE_SERVERS", "RAGSTONE_VLLM_PYTHON"}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no cache slow. A test about slow ones says `patience=` itself."""
    monkeypatch.setattr("ragstone.caching.spared.PATIENCE", 60.0)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own keys and servers configure no test."""
    for name in os.environ:
        if name.startswith(CONFIGURATION) and name not in KEPT:
            monkeypatch.delenv(name)
