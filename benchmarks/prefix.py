"""How much of a prompt a server's prefix cache serves: what Ragstone predicts, beside what the server reports.

    python benchmarks/prefix.py --url http://127.0.0.1:8000/v1 --model NAME --tokenizer FOLDER [--block 16] [--salt]

Asks a vLLM that was started with `--enable-prompt-tokens-details` fifty questions, one after the other, of a new
project over this repository's handbook: the headings of its pages, with the prompt file that ships. FOLDER holds the
model's tokenizer.json, and `--block` is the server's `--block-size`. The first question finds an empty cache and is
counted, too. `--salt` asks the first question once more for another tenant, who must not be served from that cache.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ragstone
from ragstone.cli import main as ragstone_command

ROOT = Path(__file__).parents[1]
QUESTIONS = 50
PAGES = ("chunking", "citations", "embeddings", "hybrid-search", "ingestion", "models", "permissions", "prompt-files",
         "reranking", "vector-search")  # fmt: skip
MODEL = "kind: model\ntype: openai\nbase_url: {url}\nmodel: {model}\ntokenizer: {tokenizer}\nprefix_block: {block}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokenizer", required=True, type=Path)
    parser.add_argument("--block", type=int, default=16)
    parser.add_argument("--salt", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(project(Path(folder) / "handbook", asked), salt=asked.salt)
    if asked.json:
        print(json.dumps(figures))
        return
    share = figures["observed"] / figures["predicted"]
    print(f"{figures['questions']} questions, {figures['input']:,} tokens of prompts")
    print(f"the same in every prompt       {figures['stable']:8,} tokens a prompt")
    print(f"predicted from the cache       {figures['predicted']:8,} tokens, in blocks of {asked.block}")
    print(f"of these observed              {figures['observed']:8,} tokens, {share:.1%} of the predicted")
    print(f"observed in all                {figures['cached']:8,} tokens: passages that several questions share, too")
    if asked.salt:
        print(f"another tenant's first prompt  {figures['foreign']:8,} tokens from the cache")


def project(folder: Path, asked: argparse.Namespace) -> Path:
    """A new project that asks the server, with answers cut short: only what is read counts here."""
    sys.argv = ["ragstone", "init", str(folder), "--model", "local"]
    try:
        ragstone_command()
    except SystemExit as end:
        if end.code:
            raise
    given = {"url": asked.url, "model": asked.model, "tokenizer": asked.tokenizer.resolve(), "block": asked.block}
    (folder / "connectors" / "local.yaml").write_text(MODEL.format(**given), encoding="utf-8")
    path = folder / "prompts" / "answer.prompty"
    path.write_text(re.sub(r"maxOutputTokens: \d+", "maxOutputTokens: 4", path.read_text(encoding="utf-8")))
    for name in PAGES:
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        (folder / "documents" / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def measured(folder: Path, *, salt: bool) -> dict[str, int]:
    """The sums over all questions, asked by a tenant whom the server has never seen."""
    figures = dict.fromkeys(("questions", "input", "stable", "predicted", "observed", "cached", "foreign"), 0)
    tenant, other = secrets.token_hex(4), secrets.token_hex(4)
    with ragstone.open(folder) as rag:
        rag.ingest(tenant=tenant)
        for question in questions():
            answer = rag.ask(question, tenant=tenant)
            trace = rag.trace(answer.trace_id, tenant=tenant)
            assert trace is not None, "each question has one"
            facts = next(step.facts for step in trace.steps if step.name == "generate")
            figures["questions"] += 1
            figures["input"] += facts["input_tokens"]
            figures["stable"] = answer.prompt.stable_prefix_tokens
            figures["predicted"] += facts["predicted_cached"]
            figures["observed"] += min(facts["predicted_cached"], facts["cached_tokens"])
            figures["cached"] += facts["cached_tokens"]
        if salt:
            rag.ingest(tenant=other)
            figures["foreign"] = rag.ask(next(questions()), tenant=other).completion.usage.cached_tokens
    return figures


def questions() -> Iterator[str]:
    """One for each of the first headings of the pages."""
    texts = [(ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in PAGES]
    headings = [heading for text in texts for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return (f"What does the handbook say about this: {heading}?" for heading in headings[:QUESTIONS])


if __name__ == "__main__":
    main()
