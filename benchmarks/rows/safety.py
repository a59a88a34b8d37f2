"""What is found in what comes in, and what looking costs."""

from __future__ import annotations

from bench.row import Measure, Row, Side

CHECKING = "rows.guarding.checking"
NOTHING = "rows.guarding.nothing"
PERCENT = {
    "e-mail attacks found": "higher",
    "table attacks found": "higher",
    "clean e-mails touched": "lower",
    "clean encyclopaedia touched": "lower",
    "jailbreaks found": "higher",
    "NotInject stopped": "lower",
}


def _guardrails(name: str, way: str) -> Side:
    return Side(name=name, environment="guardrails", command=("-m", CHECKING, way), packages=("guardrails-ai",))


def _nothing(package: str, module: str) -> Side:
    return Side(name=package, environment="peers", command=("-m", NOTHING, module), packages=(package,))


ROW = Row(
    name="safety",
    title="Safety",
    what=(
        "A check: what one check of a text costs beyond what it does, in Ragstone's engine and in a Guard of "
        "Guardrails, where both compare the length of a text. The rest are Ragstone's detectors of injections, "
        "trained on one part of the evaluation data and judged on attacks of kinds, and contexts of clusters, that "
        "they have not seen: attacks of BIPIA planted into e-mails and tables and found where they stand, clean "
        "texts touched, jailbreaks found and harmless prompts of NotInject stopped. The frameworks ship no detector, "
        "which reads none; Guardrails' validators are packages of their own. Means of three divisions of the data, "
        "one in a quick run."
    ),
    measures=(
        Measure(name="a check", unit="ms", better="lower", digits=4),
        *(
            Measure(name=name, unit="%", better="higher" if better == "higher" else "lower")
            for name, better in PERCENT.items()
        ),
    ),
    sides=(
        Side(
            name="ragstone", environment="ours", command=("-m", CHECKING, "ragstone"), packages=("ragstone",), ours=True
        ),
        _guardrails("guardrails-ai, telemetry off", "quiet"),
        _guardrails("guardrails-ai, as it comes", "guard"),
        _nothing("langchain", "langchain"),
        _nothing("llama-index-core", "llama_index.core"),
        _nothing("haystack-ai", "haystack"),
        _nothing("txtai", "txtai"),
    ),
    repeats=1,
    needs=("data",),
)
