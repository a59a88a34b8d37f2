"""Forged prompts side by side with prompty, dotpromptz, LangChain, LlamaIndex and Haystack: what a value can do there.

    python benchmarks/forgery.py --peers PYTHON     beside the peers that are installed there (benchmarks/peers.txt)
    python benchmarks/forgery.py                    Ragstone alone
    python benchmarks/forgery.py --peers PYTHON --values    and the names of the values behind each count

The values are those of tests/prompts/forgery/values.jsonl. Each stands once as the question and once as a passage, in a
prompt of a system and a user message that is written as the documentation of each package shows. Compared is what comes
out for harmless words. A value counts in the first column that applies:

    raised      the prompt could not be built: whoever pastes this text gets an error
    forged      other messages, roles or parts than with harmless words
    evaluated   something in the value was worked out, or another slot was read through it
    changed     the value does not stand in its message byte for byte, and nothing says so
    recorded    neither, but the change is recorded on the prompt (Ragstone: a space in special tokens)

`on the wire` counts the values with special tokens of a chat template that are whole in a message that goes out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VALUES = Path(__file__).parents[1] / "tests/prompts/forgery/values.jsonl"
HARMLESS = "harmless words"
SECRET = "the other slot"
SYSTEM = "Answer from the passages."
COLUMNS = ("raised", "forged", "evaluated", "changed", "recorded", "on the wire")


@dataclass(frozen=True)
class Made:
    """The messages that came out, as role and text; a part that is no text is `None`."""

    messages: Sequence[tuple[str, str | None]]
    recorded: Sequence[str] = ()


Build = Callable[[str, str], Made]  # of a question and a passage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python of an environment that has the peers")
    parser.add_argument("--values", action="store_true", help="name the values behind each count")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(tried(*RUNS[asked.one](Path(folder)))))
        return
    number = len(VALUES.read_text(encoding="utf-8").splitlines())
    print(f"{number} values, each as the question and as a passage: {2 * number} prompts.\n")
    print(f"| | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    behind: list[str] = []
    for name in RUNS:
        python = sys.executable if name == "Ragstone" else asked.peers
        if python:
            found = one(python, name)
            package, comma, way = name.partition(", ")
            counts = " | ".join(str(len(found[column])) for column in COLUMNS)
            print(f"| {package} {found['version']}{comma}{way} | {counts} |")
            behind += [f"{name}, {column}: {', '.join(found[column])}" for column in COLUMNS if found[column]]
    if asked.values:
        print("\n" + "\n\n".join(behind))


def one(python: str, name: str) -> dict[str, Any]:
    quiet = {"HAYSTACK_TELEMETRY_ENABLED": "False", "LANGSMITH_TRACING": "false", "PYTHONWARNINGS": "ignore"}
    command = [python, str(Path(__file__).resolve()), "--one", name]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet})
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


# ── What a value did ────────────────────────────────────────────────────────────────────────────────────────────────


def tried(version: str, build: Build) -> dict[str, Any]:
    found: dict[str, Any] = {"version": version, **{column: [] for column in COLUMNS}}
    for line in VALUES.read_text(encoding="utf-8").splitlines():
        value = json.loads(line)
        for slot in ("question", "passage"):
            name = f"{value['name']} ({slot})"
            harmless = _built(build, HARMLESS, slot)
            try:
                made = _built(build, value["value"], slot)
            except Exception:
                found["raised"].append(name)
                continue
            if column := judged(value, made, harmless):
                found[column].append(name)
            if any(token in (text or "") for token in value["tokens"] for _, text in made.messages):
                found["on the wire"].append(name)
    return found


def _built(build: Build, value: str, slot: str) -> Made:
    return build(value, SECRET) if slot == "question" else build(SECRET, value)


def judged(value: dict[str, Any], made: Made, harmless: Made) -> str | None:
    """The column that a value counts in; None where nothing happened."""
    if [(role, text is None) for role, text in made.messages] != [(role, False) for role, _ in harmless.messages]:
        return "forged"
    said, before = ("\n".join(text or "" for _, text in each.messages) for each in (made, harmless))
    if said.count(SECRET) != before.count(SECRET) or (value.get("runs") and value["runs"] in said):
        return "evaluated"
    if said == before.replace(HARMLESS, value["value"]):
        return None
    bare = before.replace(HARMLESS, value["value"]).replace(" ", "")
    return "recorded" if made.recorded and said.replace(" ", "") == bare else "changed"


# ── Ragstone ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ragstone(folder: Path) -> tuple[str, Build]:
    from importlib.metadata import version

    from ragstone.prompts.builder import build
    from ragstone.prompts.file import load
    from ragstone.types import Chunk, Hit

    path = folder / "ask.prompty"
    front = "---\ninputs:\n  - {name: question, required: true}\n---\n"
    path.write_text(f"{front}system:\n{SYSTEM}\n\nuser:\n{{{{ passages }}}}\n\nQuestion: {{{{ question }}}}\n")
    file = load(path, root=folder)

    def made(question: str, passage: str) -> Made:
        chunk = Chunk(id="1", document_id="1", uri="a.md", title="A", text=passage, start=0, end=len(passage), line=1)
        prompt = build(file, {"question": question}, hits=[Hit(chunk, 1, {})])
        messages = [(message.role, message.content) for message in prompt.messages]
        return Made(messages, [token for slot in prompt.slots for token in slot.broken])

    return version("ragstone"), made


# ── The peers, as their documentation uses them ─────────────────────────────────────────────────────────────────────


def prompty(template: str) -> Callable[[Path], tuple[str, Build]]:
    """A `.prompty` file, rendered and parsed into messages."""

    def opened(folder: Path) -> tuple[str, Build]:
        import prompty as peer

        path = folder / "ask.prompty"
        inputs = "inputs:\n  - {name: question, kind: string}\n  - {name: passage, kind: string}\n"
        front = f"---\nname: ask\nmodel: {{id: gpt-4o}}\n{inputs}{template}---\n"
        body = f"system:\n{SYSTEM}\n\nuser:\n{{{{passage}}}}\n\nQuestion: {{{{question}}}}\n"
        path.write_text(front + body)
        agent = peer.load(str(path))

        def made(question: str, passage: str) -> Made:
            messages = peer.prepare(agent, inputs={"question": question, "passage": passage})
            parts = [(message.role, part) for message in messages for part in message.parts]
            return Made([(str(role), getattr(part, "value", None)) for role, part in parts])

        return peer.__version__, made

    return opened


def dotpromptz(opening: str, closing: str) -> Callable[[Path], tuple[str, Build]]:
    """A dotprompt of two roles."""

    def opened(folder: Path) -> tuple[str, Build]:
        from importlib.metadata import version

        from dotpromptz import DataArgument, Dotprompt

        schema = "---\nmodel: m\ninput:\n  schema:\n    question: string\n    passage: string\n---\n"
        user = f"{opening}passage{closing}\n\nQuestion: {opening}question{closing}\n"
        source = f'{schema}{{{{role "system"}}}}\n{SYSTEM}\n\n{{{{role "user"}}}}\n{user}'

        def made(question: str, passage: str) -> Made:
            data = DataArgument(input={"question": question, "passage": passage})
            rendered = asyncio.run(Dotprompt().render(source, data))
            parts = [(message.role, part) for message in rendered.messages for part in message.content]
            return Made([(str(getattr(role, "value", role)), getattr(part, "text", None)) for role, part in parts])

        return version("dotpromptz"), made

    return opened


def langchain(kind: str) -> Callable[[Path], tuple[str, Build]]:
    """A ChatPromptTemplate of tuples, in one of its three template languages."""

    def opened(folder: Path) -> tuple[str, Build]:
        from importlib.metadata import version

        from langchain_core.prompts import ChatPromptTemplate

        slots = {"f-string": ("{", "}"), "mustache": ("{{{", "}}}"), "jinja2": ("{{ ", " }}")}[kind]
        user = f"{slots[0]}passage{slots[1]}\n\nQuestion: {slots[0]}question{slots[1]}"
        template = ChatPromptTemplate.from_messages([("system", SYSTEM), ("human", user)], template_format=kind)

        def made(question: str, passage: str) -> Made:
            messages = template.invoke({"question": question, "passage": passage}).to_messages()
            return Made([(each.type, each.content if isinstance(each.content, str) else None) for each in messages])

        return version("langchain-core"), made

    return opened


def llamaindex(kind: str) -> Callable[[Path], tuple[str, Build]]:
    """A ChatPromptTemplate, or the newer RichPromptTemplate with its blocks."""

    def opened(folder: Path) -> tuple[str, Build]:
        from importlib.metadata import version

        from llama_index.core import ChatPromptTemplate
        from llama_index.core.prompts import ChatMessage, RichPromptTemplate

        if kind == "rich":
            user = "{{ passage }}\n\nQuestion: {{ question }}"
            blocks = f'{{% chat role="system" %}}{SYSTEM}{{% endchat %}}\n{{% chat role="user" %}}{user}{{% endchat %}}'
            template: Any = RichPromptTemplate(blocks)
        else:
            user = "{passage}\n\nQuestion: {question}"
            messages = [ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content=user)]
            template = ChatPromptTemplate(messages)

        def made(question: str, passage: str) -> Made:
            messages = template.format_messages(question=question, passage=passage)
            parts = [(message.role.value, block) for message in messages for block in message.blocks]
            return Made([(role, getattr(block, "text", None)) for role, block in parts])

        return version("llama-index-core"), made

    return opened


def haystack(kind: str) -> Callable[[Path], tuple[str, Build]]:
    """A ChatPromptBuilder, of messages or of one template with blocks."""

    def opened(folder: Path) -> tuple[str, Build]:
        from importlib.metadata import version

        from haystack.components.builders import ChatPromptBuilder
        from haystack.dataclasses import ChatMessage

        user = "{{ passage }}\n\nQuestion: {{ question }}"
        template: Any = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user(user)]
        if kind == "blocks":
            system = f'{{% message role="system" %}}{SYSTEM}{{% endmessage %}}'
            template = f'{system}\n{{% message role="user" %}}{user}{{% endmessage %}}'
        builder = ChatPromptBuilder(template=template, required_variables=["question", "passage"])

        def made(question: str, passage: str) -> Made:
            messages = builder.run(question=question, passage=passage)["prompt"]
            parts = [(message.role.value, part) for message in messages for part in message._content]
            return Made([(role, getattr(part, "text", None)) for role, part in parts])

        return version("haystack-ai"), made

    return opened


RUNS: dict[str, Callable[[Path], tuple[str, Build]]] = {
    "Ragstone": ragstone,
    "prompty": prompty(""),
    "prompty, not strict": prompty("template: {format: {kind: jinja2, strict: false}, parser: {kind: prompty}}\n"),
    "prompty, mustache": prompty("template: {format: {kind: mustache}, parser: {kind: prompty}}\n"),
    "dotpromptz": dotpromptz("{{", "}}"),
    "dotpromptz, triple braces": dotpromptz("{{{", "}}}"),
    "langchain-core, f-string": langchain("f-string"),
    "langchain-core, mustache": langchain("mustache"),
    "langchain-core, jinja2": langchain("jinja2"),
    "llama-index-core, ChatPromptTemplate": llamaindex("chat"),
    "llama-index-core, RichPromptTemplate": llamaindex("rich"),
    "haystack-ai, messages": haystack("messages"),
    "haystack-ai, blocks": haystack("blocks"),
}


if __name__ == "__main__":
    main()
