"""One conformance suite for each protocol, as classes for pytest. Subclass one, say how to make the connector, run it.

    # test_my_store.py
    from pathlib import Path

    from mystore import MyStore
    from ragstone.testing.suites import VectorStoreSuite

    class TestMyStore(VectorStoreSuite):
        vendors = ("mystore",)  # packages whose code must not run on the event loop's thread
        persistent = True       # make(), called again with the same folder, finds what was written

        def make(self, tmp_path: Path) -> MyStore:
            return MyStore(tmp_path / "data")

`pytest test_my_store.py` then runs every test of the protocol against it: ids, order, replacing, filters by declared
capability, permissions, concurrent calls, and so on. Needs pytest and pytest-asyncio.
"""

import pytest

_MODULES = (
    "cache",
    "check",
    "connector",
    "database",
    "embedder",
    "ledger",
    "lexical",
    "lookup",
    "model",
    "reranker",
    "samples",
    "splitter",
    "store",
    "tool",
)
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES))  # before they are imported

from ragstone.testing.suites.cache import CacheSuite  # noqa: E402
from ragstone.testing.suites.check import CheckSuite  # noqa: E402
from ragstone.testing.suites.database import DatabaseSuite  # noqa: E402
from ragstone.testing.suites.embedder import EmbedderSuite  # noqa: E402
from ragstone.testing.suites.ledger import LedgerSuite  # noqa: E402
from ragstone.testing.suites.lexical import LexicalIndexSuite  # noqa: E402
from ragstone.testing.suites.lookup import LookupSuite  # noqa: E402
from ragstone.testing.suites.model import ModelSuite  # noqa: E402
from ragstone.testing.suites.reranker import RerankerSuite  # noqa: E402
from ragstone.testing.suites.source import SourceSuite  # noqa: E402
from ragstone.testing.suites.splitter import SplitterSuite  # noqa: E402
from ragstone.testing.suites.store import VectorStoreSuite  # noqa: E402
from ragstone.testing.suites.tool import ToolSuite  # noqa: E402

__all__ = [
    "CacheSuite",
    "CheckSuite",
    "DatabaseSuite",
    "EmbedderSuite",
    "LedgerSuite",
    "LexicalIndexSuite",
    "LookupSuite",
    "ModelSuite",
    "RerankerSuite",
    "SourceSuite",
    "SplitterSuite",
    "ToolSuite",
    "VectorStoreSuite",
]
