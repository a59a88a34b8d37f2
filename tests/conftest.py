"""What holds for every test: the network is refused, and the environment of the developer does not leak in."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

import no_network

no_network.refuse()

# On a busy machine the threads of numpy's algebra wait for each other: seconds for what one alone does in 15 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("ragstone", deadline=None)  # no test is about time, on a busy machine least of all
settings.load_profile("ragstone")

CONFIGURATION = ("RAGSTONE_", "OPENAI_")
KEPT = {"RAGSTONE_DATA", "RAGSTONE_REQUIRE_SERVERS", "RAGSTONE_VLLM_PYTHON"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own keys and servers configure no test."""
    for name in os.environ:
        if name.startswith(CONFIGURATION) and name not in KEPT:
            monkeypatch.delenv(name)
