"""The same small prompt in Ragstone and in each peer, written as its documentation shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SYSTEM", "WAYS", "Build", "Made"]

SYSTEM = "Answer from the passages."


@dataclass(frozen=True)
class Made:
    """The messages that came out, as role and text; a part that is no text is `None`."""

    messages: Sequence[tuple[str, str | None]]
    recorded: Sequence[str] = ()


Build = Callable[[str, str], Made]  # of a question and a passage


# ── Ragstone ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ragstone(folder: Path) -> Build:
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

    return made


# ── The peers, as their documentation uses them ─────────────────────────────────────────────────────────────────────


def prompty(template: str) -> Callable[[Path], Build]:
    """A `.prompty` file, rendered and parsed into messages."""

    def opened(folder: Path) -> Build:
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

        return made

    return opened


def dotpromptz(opening: str, closing: str) -> Callable[[Path], Build]:
    """A dotprompt of two roles."""

    def opened(folder: Path) -> Build:
        from dotpromptz import DataArgument, Dotprompt

        schema = "---\nmodel: m\ninput:\n  schema:\n    question: string\n    passage: string\n---\n"
        user = f"{opening}passage{closing}\n\nQuestion: {opening}question{closing}\n"
        source = f'{schema}{{{{role "system"}}}}\n{SYSTEM}\n\n{{{{role "user"}}}}\n{user}'

        def made(question: str, passage: str) -> Made:
            data = DataArgument(input={"question": question, "passage": passage})
            rendered = asyncio.run(Dotprompt().render(source, data))
            parts = [(message.role, part) for message in rendered.messages for part in message.content]
            return Made([(str(getattr(role, "value", role)), getattr(part, "text", None)) for role, part in parts])

        return made

    return opened


def langchain(kind: str) -> Callable[[Path], Build]:
    """A ChatPromptTemplate of tuples, in one of its three template languages."""

    def opened(folder: Path) -> Build:
        from langchain_core.prompts import ChatPromptTemplate

        slots = {"f-string": ("{", "}"), "mustache": ("{{{", "}}}"), "jinja2": ("{{ ", " }}")}[kind]
        user = f"{slots[0]}passage{slots[1]}\n\nQuestion: {slots[0]}question{slots[1]}"
        template = ChatPromptTemplate.from_messages([("system", SYSTEM), ("human", user)], template_format=kind)

        def made(question: str, passage: str) -> Made:
            messages = template.invoke({"question": question, "passage": passage}).to_messages()
            return Made([(each.type, each.content if isinstance(each.content, str) else None) for each in messages])

        return made

    return opened


def llamaindex(kind: str) -> Callable[[Path], Build]:
    """A ChatPromptTemplate, or the newer RichPromptTemplate with its blocks."""

    def opened(folder: Path) -> Build:
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

        return made

    return opened


def haystack(kind: str) -> Callable[[Path], Build]:
    """A ChatPromptBuilder, of messages or of one template with blocks."""

    def opened(folder: Path) -> Build:
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

        return made

    return opened


WAYS: dict[str, Callable[[Path], Build]] = {
    "ragstone": ragstone,
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
