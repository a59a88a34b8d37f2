"""What hostile values can do in a prompt."""

from __future__ import annotations

from bench.row import Measure, Row, Side

FORGING = "rows.prompting.forging"
WAYS = {
    "prompty": "prompty",
    "prompty, not strict": "prompty",
    "prompty, mustache": "prompty",
    "dotpromptz": "dotpromptz",
    "dotpromptz, triple braces": "dotpromptz",
    "langchain-core, f-string": "langchain-core",
    "langchain-core, mustache": "langchain-core",
    "langchain-core, jinja2": "langchain-core",
    "llama-index-core, ChatPromptTemplate": "llama-index-core",
    "llama-index-core, RichPromptTemplate": "llama-index-core",
    "haystack-ai, messages": "haystack-ai",
    "haystack-ai, blocks": "haystack-ai",
}

ROW = Row(
    name="forgery",
    title="Forged prompts",
    what=(
        "124 hostile values (role lines, internals of templates, tags, special tokens and their relatives), each "
        "once as the question and once as a passage, in a prompt of a system and a user message as the documentation "
        "of each package shows it. Counted are the prompts of 248 in which the value raised an error, forged a "
        "message or role, was evaluated, or was changed without a word, and those in which special tokens of a chat "
        "template go out whole (on the wire), which a server reads as its own; harmed are all of these, each prompt "
        "once. It is deterministic, so each side runs once, and a quick run is the same."
    ),
    measures=tuple(
        Measure(name=name, unit="", better="lower", digits=0)
        for name in ("harmed", "forged", "evaluated", "changed", "raised", "on the wire")
    ),
    sides=(
        Side(
            name="ragstone", environment="ours", command=("-m", FORGING, "ragstone"), packages=("ragstone",), ours=True
        ),
        *(
            Side(name=way, environment="peers", command=("-m", FORGING, way), packages=(package,))
            for way, package in WAYS.items()
        ),
    ),
    repeats=1,
    together=True,
)
