"""What a hit of the exact cache costs."""

from __future__ import annotations

from bench.row import Measure, Row, Side

EXACT = "rows.caches.exact"
LANGCHAIN = ("langchain-core", "langchain-community")


def _side(name: str, way: str, packages: tuple[str, ...], *, ours: bool = False) -> Side:
    environment = "ours" if ours else "peers"
    return Side(name=name, environment=environment, command=("-m", EXACT, way), packages=packages, ours=ours)


ROW = Row(
    name="cache-exact",
    title="Exact cache of answers",
    what=(
        "The same question with five passages (5 kB) is asked again among 50,000 kept answers (5,000 in a quick "
        "run), whole and as a stream, and the model must not be called. Ragstone counts the making of the key from "
        "the whole request; LangChain is asked by `invoke` of a chat model with a cache. Calls of 200: how often the "
        "model is called when 200 requests for the same new answer come at once. Redis is the one that is installed, "
        "on this machine, writing no file. Compared is Ragstone with SQLite, which is its default, with the best of "
        "all of them."
    ),
    measures=(
        Measure(name="hit p50", unit="ms", better="lower", digits=3),
        Measure(name="hit p99", unit="ms", better="lower", digits=3),
        Measure(name="streamed p50", unit="ms", better="lower", digits=3),
        Measure(name="calls of 200", unit="", better="lower", digits=0),
    ),
    sides=(
        _side("ragstone, SQLite", "ragstone-sqlite", ("ragstone",), ours=True),
        _side("ragstone, Redis", "ragstone-redis", ("ragstone", "redis"), ours=True),
        _side("langchain, SQLite", "langchain-sqlite", (*LANGCHAIN, "sqlalchemy")),
        _side("langchain, Redis", "langchain-redis", (*LANGCHAIN, "redis")),
        _side("langchain, memory", "langchain-memory", LANGCHAIN),
    ),
    needs=("redis",),
    behind=(
        "LangChain's cache in memory is a dictionary of one process, with the whole prompt as its key: it is gone "
        "with the process, no other process shares it, and it grows without a limit. Ragstone makes a key of the "
        "whole request (prompt, settings, model, tenant) and reads from a file that outlives the process, and its "
        "streamed hits come in pieces."
    ),
)
