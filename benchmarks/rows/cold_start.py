"""How long a person waits who asks in a new process."""

from __future__ import annotations

from bench.row import Measure, Row

from rows.frameworks.beside import ours, peers

FIRST = "rows.starting.first"

ROW = Row(
    name="cold-start",
    title="Cold start to the first answer",
    what=(
        "From the start of a new process to its first answer, with the real embedder and a ready index of one small "
        "document: Python, imports, weights, index and question. `ragstone ask` prints an answer with its citation; "
        "the peers have no model that answers without a server, so they are done when the passage is found. The "
        "files lie in memory already. The peak is that of the process."
    ),
    measures=(
        Measure(name="first answer", unit="s", better="lower", digits=2),
        Measure(name="peak", unit="MB", better="lower", digits=0),
    ),
    sides=(ours("ragstone", FIRST, "ragstone"), *peers(FIRST)),
)
