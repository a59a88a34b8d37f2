"""The fakes pass the suites of the protocols that they stand for."""

from __future__ import annotations

from pathlib import Path

from ragstone.errors import ToolFailed
from ragstone.protocols import Capabilities
from ragstone.testing import (
    ChanceModel,
    HashingEmbedder,
    MemoryCache,
    MemoryLedger,
    MemoryLexicalIndex,
    MemoryLookup,
    MemoryStore,
    OverlapReranker,
    ScriptedCheck,
    ScriptedModel,
    ScriptedTool,
)
from ragstone.testing.suites import (
    CacheSuite,
    CheckSuite,
    EmbedderSuite,
    LedgerSuite,
    LexicalIndexSuite,
    LookupSuite,
    ModelSuite,
    RerankerSuite,
    ToolSuite,
    VectorStoreSuite,
)


class TestHashingEmbedder(EmbedderSuite):
    def make(self, tmp_path: Path) -> HashingEmbedder:
        return HashingEmbedder()


class TestMemoryStore(VectorStoreSuite):
    def make(self, tmp_path: Path) -> MemoryStore:
        return MemoryStore()


class TestMemoryLexicalIndex(LexicalIndexSuite):
    def make(self, tmp_path: Path) -> MemoryLexicalIndex:
        return MemoryLexicalIndex()


class TestScriptedModel(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> ScriptedModel:
        return ScriptedModel(lambda prompt: f"{prompt.messages[-1].content.split()[1]} [1].")


class TestScriptedModelThatSamples(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> ScriptedModel:
        return ScriptedModel(lambda prompt: "Paris [1].", capabilities=Capabilities(samples=True))


class TestChanceModel(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> ChanceModel:
        return ChanceModel("Paris", p=0.5, wrong=["Lyon", "Nice"])


class TestMemoryLedger(LedgerSuite):
    def make(self, tmp_path: Path) -> MemoryLedger:
        return MemoryLedger()


class TestMemoryCache(CacheSuite):
    timed = True

    def make(self, tmp_path: Path) -> MemoryCache:
        return MemoryCache(clock=self.clock)

    def small(self, tmp_path: Path, size: int) -> MemoryCache:
        return MemoryCache(size=size, clock=self.clock)


class TestOverlapReranker(RerankerSuite):
    def make(self, tmp_path: Path) -> OverlapReranker:
        return OverlapReranker()


class TestMemoryLookup(LookupSuite):
    def make(self, tmp_path: Path) -> MemoryLookup:
        return MemoryLookup({"/orders/7": "sent"}, paths=["/orders/{id}"])


class TestScriptedTool(ToolSuite):
    given, refused = "Bergen", "Atlantis"

    def make(self, tmp_path: Path) -> ScriptedTool:
        return ScriptedTool(lambda given: "21 °C" if given == "Bergen" else ToolFailed("there is no such town"))


class TestScriptedCheck(CheckSuite):
    fails = "It is not right."

    def make(self, tmp_path: Path) -> ScriptedCheck:
        return ScriptedCheck(lambda text: "it is wrong" if "not right" in text else True)
