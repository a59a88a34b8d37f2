"""What `import` costs, of what a first program with each package imports."""

from __future__ import annotations

from bench.row import Measure, Row, Side


def _side(name: str, package: str, *modules: str, ours: bool = False, more: tuple[str, ...] = ()) -> Side:
    return Side(
        name=name,
        environment="ours" if ours else "peers",
        command=("-m", "rows.starting.importing", *modules),
        packages=(package, *more),
        ours=ours,
    )


ROW = Row(
    name="import",
    title="Import",
    what=(
        "A new Python imports what the first lines of each package's documentation import to answer from documents: "
        "`import ragstone`; langchain with its Chroma store and Hugging Face embeddings; llama_index.core; haystack "
        "with its in-memory store; txtai. Each is imported in new processes whose files lie in memory already. "
        "Ragstone imports the rest when it is used: cold-start counts that, too."
    ),
    measures=(Measure(name="import", unit="ms", better="lower", digits=0),),
    sides=(
        _side("ragstone", "ragstone", "ragstone", ours=True),
        _side("langchain", "langchain", "langchain", "langchain_chroma", "langchain_huggingface",
              more=("langchain-chroma", "langchain-huggingface")),
        _side("llamaindex", "llama-index-core", "llama_index.core"),
        _side("haystack", "haystack-ai", "haystack", "haystack.document_stores.in_memory"),
        _side("txtai", "txtai", "txtai"),
    ),
    repeats=5,
)  # fmt: skip
