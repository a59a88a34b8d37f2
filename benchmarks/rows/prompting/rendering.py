"""`python -m rows.prompting.rendering NAME` times the rendering of one prompt and the loading of its file.

The prompt is `answer.prompty` with a question and five passages of 800 characters. Ragstone's side comes first and
leaves the words and the values for the peers, which render the same in their own templates. `whole` is all that a
request needs beside it: values checked, special tokens broken up, tokens counted, slots recorded; no peer does that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.side import KEPT, QUICK, ROOT, quantile, report, timed

ROUNDS, FILES, LENGTH = (200, 50, 800) if QUICK else (1000, 200, 800)
QUESTION = "When does the harbour open, and who says so?"
WORDS = KEPT / "words.json"

Words = list[tuple[str, str]]  # role and template, with a slot as «name»
Values = Mapping[str, str]
Act = Callable[[], object]


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if name == "ragstone":
            acts = _ours(Path(folder))
        else:
            words, values = json.loads(WORDS.read_text(encoding="utf-8"))
            acts = PEERS[name]([tuple(each) for each in words], values, Path(folder))
            assert values["question"] in str(acts["render"]()), "the question does not stand in the prompt"
        figures: dict[str, float | None] = {key: _median(act, ROUNDS) for key, act in acts.items() if key != "load"}
        figures |= {"load": _median(acts["load"], FILES)} if "load" in acts else {}
    report(figures)


def _median(act: Act, times: int) -> float:
    timed(act, times // 10)
    return quantile(timed(act, times), 0.5)


def _ours(folder: Path) -> dict[str, Act]:
    from ragstone.prompts.builder import build
    from ragstone.prompts.file import load
    from ragstone.types import Chunk, Hit

    text = (ROOT / "docs/ingestion.md").read_text(encoding="utf-8")
    parts = [text[at : at + LENGTH] for at in range(0, 5 * LENGTH, LENGTH)]
    hits = [
        Hit(Chunk(id=str(n), document_id="d", uri="docs/ingestion.md", title="Ingestion", text=part, start=0,
                  end=len(part), line=1, spans=()), n, {})
        for n, part in enumerate(parts, 1)
    ]  # fmt: skip
    file = load(ROOT / "prompts/answer.prompty")
    prompt = build(file, {"question": QUESTION}, hits=hits)
    values = {slot.name: slot.text for slot in prompt.slots}
    messages = file.body.render({name: f"«{name}»" for name in values})
    WORDS.write_text(json.dumps([[(each.role, each.content) for each in messages], values]), encoding="utf-8")
    return {
        "render": lambda: file.body.render(values),
        "whole": lambda: build(file, {"question": QUESTION}, hits=hits),
        "load": lambda: load(ROOT / "prompts/answer.prompty"),
    }


def _slotted(text: str, values: Values, opening: str, closing: str) -> str:
    for name in values:
        text = text.replace(f"«{name}»", f"{opening}{name}{closing}")
    return text


def _prompty(words: Words, values: Values, folder: Path) -> dict[str, Act]:
    import prompty

    path = folder / "peer.prompty"
    inputs = "".join(f"  - {{name: {name}, kind: string}}\n" for name in values)
    engine = "template: {format: jinja2, parser: prompty}"
    front = f"name: peer\nmodel: {{id: m, provider: openai}}\ninputs:\n{inputs}{engine}"
    said = "\n\n".join(f"{role}:\n{_slotted(text, values, '{{', '}}')}" for role, text in words)
    path.write_text(f"---\n{front}\n---\n{said}\n", encoding="utf-8")
    loaded = prompty.load(str(path))
    return {"render": lambda: prompty.prepare(loaded, dict(values)), "load": lambda: prompty.load(str(path))}


def _dotpromptz(words: Words, values: Values, folder: Path) -> dict[str, Act]:
    from dotpromptz import DataArgument, Dotprompt

    schema = "".join(f"    {name}: string\n" for name in values)
    said = "\n".join(f'{{{{role "{role}"}}}}\n{_slotted(text, values, "{{{", "}}}")}' for role, text in words)
    path = folder / "peer.prompt"
    path.write_text(f"---\nmodel: m\ninput:\n  schema:\n{schema}---\n{said}\n", encoding="utf-8")
    dotprompt, loop, data = Dotprompt(), asyncio.new_event_loop(), DataArgument(input=dict(values))
    source = path.read_text(encoding="utf-8")
    compiled = loop.run_until_complete(dotprompt.compile(source))
    return {
        "render": lambda: loop.run_until_complete(compiled(data)),
        "load": lambda: dotprompt.parse(path.read_text(encoding="utf-8")),
    }


def _langchain(words: Words, values: Values, folder: Path) -> dict[str, Act]:
    from langchain_core.prompts import ChatPromptTemplate

    def escaped(text: str) -> str:
        return _slotted(text.replace("{", "{{").replace("}", "}}"), values, "{", "}")

    kinds = {"system": "system", "user": "human"}
    template = ChatPromptTemplate.from_messages([(kinds[role], escaped(text)) for role, text in words])
    return {"render": lambda: template.invoke(dict(values)).to_messages()}


def _llamaindex(words: Words, values: Values, folder: Path) -> dict[str, Act]:
    from llama_index.core.prompts import RichPromptTemplate

    blocks = [
        f'{{% chat role="{role}" %}}{_slotted(text, values, "{{ ", " }}")}{{% endchat %}}' for role, text in words
    ]
    template = RichPromptTemplate("\n".join(blocks))
    return {"render": lambda: template.format_messages(**values)}


def _haystack(words: Words, values: Values, folder: Path) -> dict[str, Act]:
    from haystack.components.builders import ChatPromptBuilder
    from haystack.dataclasses import ChatMessage

    kinds: dict[str, Any] = {"system": ChatMessage.from_system, "user": ChatMessage.from_user}
    template = [kinds[role](_slotted(text, values, "{{ ", " }}")) for role, text in words]
    builder = ChatPromptBuilder(template=template, required_variables=list(values))
    return {"render": lambda: builder.run(**values)["prompt"]}


PEERS: dict[str, Callable[[Words, Values, Path], dict[str, Act]]] = {
    "prompty": _prompty,
    "dotpromptz": _dotpromptz,
    "langchain-core": _langchain,
    "llama-index-core": _llamaindex,
    "haystack-ai": _haystack,
}

if __name__ == "__main__":
    main(sys.argv[1])
