"""How long a prompt takes to render."""

from __future__ import annotations

from bench.row import Measure, Row, Side

RENDERING = "rows.prompting.rendering"
PEERS = ("prompty", "dotpromptz", "langchain-core", "llama-index-core", "haystack-ai")

ROW = Row(
    name="render",
    title="Rendering a prompt",
    what=(
        "The messages of `answer.prompty` with a question and five passages of 800 characters, rendered from a "
        "template that is loaded already: the same words and values in the template language of each package "
        "(LangChain's are f-strings, LlamaIndex's and Haystack's Jinja). Load is reading and checking the file, "
        "where the package has prompt files. Whole is all that Ragstone does for a request: values checked, special "
        "tokens broken up, tokens counted, slots recorded; no peer does that. Medians of 1,000 renders (200 in a "
        "quick run)."
    ),
    measures=(
        Measure(name="render", unit="ms", better="lower", digits=3),
        Measure(name="load", unit="ms", better="lower", digits=2),
        Measure(name="whole", unit="ms", better="lower", digits=3),
    ),
    sides=(
        Side(
            name="ragstone",
            environment="ours",
            command=("-m", RENDERING, "ragstone"),
            packages=("ragstone",),
            ours=True,
        ),
        *(Side(name=name, environment="peers", command=("-m", RENDERING, name), packages=(name,)) for name in PEERS),
    ),
    behind=(
        "LangChain's f-strings put values in as they are. Ragstone looks for the special tokens of chat templates in "
        "every value while it renders, and breaks them up (see the row forgery). Loading checks the whole file with "
        "its includes and says every mistake before anything runs; it happens once in a process."
    ),
)
