"""What a library adds to a call of a model."""

from __future__ import annotations

from bench.row import Measure, Row, Side

INSIDE = "rows.gateways.inside"

ROW = Row(
    name="gateway-sdk",
    title="Gateway: what a call costs in a program",
    what=(
        "A program asks a mock of an OpenAI server on this machine, which answers at once, one call after the other. "
        "Added is the time at p50 beyond that of the bare AsyncOpenAI client that is installed with the library, "
        "both asked in turns in one process. Ragstone counts each call in its ledger (SQLite) and keeps its trace; "
        "LiteLLM's acompletion has no database. A quick run makes 300 calls instead of 2,000."
    ),
    measures=(
        Measure(name="added", unit="ms", better="lower", digits=2),
        Measure(name="p50", unit="ms", better="lower", digits=2),
        Measure(name="p99", unit="ms", better="lower", digits=2),
    ),
    sides=(
        Side(name="ragstone", environment="ours", command=("-m", INSIDE, "ragstone"), packages=("ragstone", "openai"),
             ours=True),
        Side(name="litellm", environment="peers", command=("-m", INSIDE, "litellm"), packages=("litellm",)),
    ),
)  # fmt: skip
