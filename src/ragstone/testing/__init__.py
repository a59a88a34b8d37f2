"""Fakes that need no model, no server and no disk, and a conformance suite for each protocol.

The fakes are real implementations, small and deterministic: the same input gives the same output on every machine.

    HashingEmbedder      vectors of words and their parts; similar texts are near each other
    ScriptedModel        answers from a list, or from a function of the prompt, and remembers what it was asked
    Break                a line of its list at which it breaks off
    ChanceModel          is right with a probability that you give, to prove votes against the binomial
    OverlapReranker      counts the question's words in a text
    MemoryStore          exact search
    MemoryLexicalIndex   BM25
    MemoryCache          a dict with expiry, eviction, tags and leases
    MemoryLedger         tokens, money, budgets and limits, added up anew each time
    MemoryLookup         replies from a mapping of path to text
    ScriptedCheck        finds what a list or a function says of a text, raises, or hangs
    ScriptedTool         finds what a list says, raises, or hangs
    MemorySource         documents from a mapping of uri to text

>>> rag = ragstone.Rag(
...     embedder=HashingEmbedder(),
...     store=MemoryStore(),
...     lexical=MemoryLexicalIndex(),
...     model=ScriptedModel(["Paris [1]."]),
...     sources=[MemorySource({"france.md": "Paris is the capital of France."})],
... )

The suites are in `ragstone.testing.suites`, which alone needs pytest and pytest-asyncio.
"""

from ragstone.retrieval.matching import matches
from ragstone.testing.cache import MemoryCache
from ragstone.testing.chance import ChanceModel
from ragstone.testing.check import ScriptedCheck
from ragstone.testing.embedder import HashingEmbedder
from ragstone.testing.ledger import MemoryLedger
from ragstone.testing.lexical import MemoryLexicalIndex
from ragstone.testing.lookup import MemoryLookup
from ragstone.testing.model import Break, ScriptedModel
from ragstone.testing.reranker import OverlapReranker
from ragstone.testing.source import MemorySource
from ragstone.testing.store import MemoryStore
from ragstone.testing.tool import Hang, ScriptedTool

__all__ = [
    "Break",
    "ChanceModel",
    "Hang",
    "HashingEmbedder",
    "MemoryCache",
    "MemoryLedger",
    "MemoryLexicalIndex",
    "MemoryLookup",
    "MemorySource",
    "MemoryStore",
    "OverlapReranker",
    "ScriptedCheck",
    "ScriptedModel",
    "ScriptedTool",
    "matches",
]
