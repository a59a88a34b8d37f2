"""What a server adds to a call of a model, and how many it serves."""

from __future__ import annotations

from bench.row import Measure, Row, Side

OVER = "rows.gateways.over_http"

ROW = Row(
    name="gateway-http",
    title="Gateway: what a call costs through a server",
    what=(
        "A light client asks a mock of an OpenAI server on this machine through `ragstone serve`, and through "
        "LiteLLM's proxy with one worker. Added is the time at p50 beyond that of the mock alone, one request after "
        "the other; served are requests a second with 64 at once. Ragstone counts each call in its ledger (SQLite) "
        "and keeps its trace; LiteLLM has no database. Client, mock and server share the cores. A quick run sends "
        "1,500 requests instead of 6,500."
    ),
    measures=(
        Measure(name="added", unit="ms", better="lower", digits=2),
        Measure(name="served", unit="1/s", better="higher", digits=0),
        Measure(name="p50", unit="ms", better="lower", digits=2),
        Measure(name="p99", unit="ms", better="lower", digits=2),
    ),
    sides=(
        Side(name="ragstone", environment="ours", command=("-m", OVER, "ragstone"),
             packages=("ragstone", "uvicorn", "starlette"), ours=True),
        Side(name="litellm", environment="peers", command=("-m", OVER, "litellm"), packages=("litellm", "fastapi")),
    ),
)  # fmt: skip
