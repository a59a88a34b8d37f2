"""How often a semantic cache gives the answer to another question."""

from __future__ import annotations

from bench.row import Measure, Row, Side

SEMANTIC = "rows.caches.semantic"


def _cosine(name: str, way: str, *packages: str) -> Side:
    return Side(
        name=name, environment="peers", command=("-m", SEMANTIC, way),
        packages=(*packages, "sentence-transformers", "torch"),
    )  # fmt: skip


def _ours(name: str, way: str) -> Side:
    return Side(name=name, environment="ours", command=("-m", SEMANTIC, way), packages=("ragstone",), ours=True)


ROW = Row(
    name="cache-semantic",
    title="Semantic cache",
    what=(
        "Pairs of questions from Quora, 38 % of which mean the same by their labels (about a third of which are "
        "wrong), dealt into two halves that share no question: one calibrates Ragstone, the other judges everyone. "
        "False hits: of all hits, those between questions that differ. Found: of the pairs that mean the same, those "
        "that hit. Taken: of the others, those that hit. Near misses: questions with a negation added, a number or a "
        "name changed that hit all the same. The semantic caches of LangChain and RedisVL compare cosines with a "
        "threshold; theirs is the default of the installed package, with the vectors of all-MiniLM-L6-v2. (They need "
        "a Redis with the search module, so only their rule is judged here.) Ragstone asks vetoes and a fitted "
        "model, too. Judging is deterministic, so each side runs once. A quick run takes 2,000 of 6,500 pairs."
    ),
    measures=(
        Measure(name="false hits", unit="%", better="lower"),
        Measure(name="near misses", unit="%", better="lower"),
        Measure(name="taken", unit="%", better="lower"),
        Measure(name="found", unit="%", better="higher"),
    ),
    sides=(
        _ours("ragstone", "ragstone"),
        _ours("ragstone, as shipped", "ragstone-shipped"),
        _cosine("langchain-redis", "langchain", "langchain-redis"),
        _cosine("redisvl", "redisvl", "redisvl"),
        _cosine("cosine ≥ 0.95", "cosine:0.95"),
    ),
    repeats=1,
    together=True,
    behind=(
        "LangChain and redisvl take whatever is near enough: they find more paraphrases, and give the answer to "
        "another question more often, to most near misses among it. Ragstone is fitted to a bound on false hits."
    ),
    needs=("data",),
)
