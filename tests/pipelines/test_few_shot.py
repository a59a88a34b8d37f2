"""What a question's prompt becomes on its way: examples chosen, the budget kept, and the reader told of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import ragstone
from few_shot_files import prompt_file, row
from ragstone.protocols import Capabilities
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.types import Answer, Context

ROWS = "\n".join(
    row(question, f"Answer to {question}", id=question)
    for question in ("Where is the harbour?", "Who mends the nets?", "When is the market open?", "What does cod cost?")
)


class Remembering(HashingEmbedder):
    """Notes the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> np.ndarray:
        self.asked += texts
        return await super().embed(texts, context=context, ids=ids)


async def asked(
    tmp_path: Path, model: ScriptedModel, *questions: str, embedder: HashingEmbedder | None = None
) -> Answer:
    documents = tmp_path / "documents"
    documents.mkdir(exist_ok=True)
    for name in ("cod", "hake", "sole"):
        (documents / f"{name}.md").write_text(f"# {name}\n\n" + f"The {name} swims in the sea near the harbour. " * 5)
    async with ragstone.AsyncRag(
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=embedder or HashingEmbedder(),
        model=model,
        prompt=tmp_path / "test.prompty",
    ) as rag:
        await rag.ingest(documents)
        found: Answer | None = None
        for question in questions:
            found = await rag.ask(question)
        assert found is not None
        return found


async def test_the_most_similar_examples_are_shown_and_embedded_once(tmp_path: Path) -> None:
    prompt_file(tmp_path, ROWS, layer="k: 2, select: similar")
    model, embedder = ScriptedModel(["Yes [1]."] * 2), Remembering()
    await asked(tmp_path, model, "When is the fish market open?", "Who mends the old nets?", embedder=embedder)
    first = [message.content for message in model.prompts[0].messages if message.role == "assistant"]
    second = [message.content for message in model.prompts[1].messages if message.role == "assistant"]
    assert first[0] == "Answer to When is the market open?"
    assert second[0] == "Answer to Who mends the nets?"
    assert embedder.asked.count("Who mends the nets?") <= 1


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    made = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


async def test_the_models_tokenizer_counts_and_the_reader_learns_what_was_left_out(
    tmp_path: Path, tokenizer: Path
) -> None:
    prompt_file(tmp_path, ROWS, layer="k: 2", own="budget: {total: 100}")
    model = ScriptedModel(["Yes."])
    model.capabilities = Capabilities(tokenizer=tokenizer)
    answer = await asked(tmp_path, model, "Where does the cod swim?")
    prompt = answer.prompt
    assert prompt.counter == "tokenizer.json"
    assert prompt.tokens == sum(len(each.content.split()) + 5 for each in prompt.messages) + 5 <= 100
    left_out = [unit.kind for unit in prompt.shed]
    assert left_out.count("passages") == len(left_out) > 0
    number = f"{len(left_out)} passage{'s' if len(left_out) > 1 else ''}"
    assert answer.notices == (f"Left out, since the prompt would have been too long: {number}.",)


async def test_a_prompt_that_lost_all_its_passages_still_goes_out(tmp_path: Path) -> None:
    body = "system:\nSay: Nothing.\n\nuser:\n{{ passages }}\nQuestion: {{ question }}"
    prompt_file(tmp_path, ROWS, body=body, own="abstain: Nothing.\n    budget: {total: 80}")
    model = ScriptedModel(["From memory."])
    answer = await asked(tmp_path, model, "Where does the cod swim?")
    assert answer.text == "From memory."
    assert {unit.kind for unit in answer.prompt.shed} == {"passages"}


async def test_the_window_of_the_model_is_kept(tmp_path: Path) -> None:
    prompt_file(tmp_path, ROWS, layer="k: 4", own="budget: {total: 100000, shed: [examples]}")
    model = ScriptedModel(["Yes."])
    whole = (await asked(tmp_path, model, "Where does the cod swim?")).prompt
    small = ScriptedModel(["Yes."])
    small.capabilities = Capabilities(context_window=whole.tokens - 1)
    answer = await asked(tmp_path, small, "Where does the cod swim?")
    assert [unit.unit for unit in answer.prompt.shed] == ["What does cod cost?"]
    assert answer.prompt.tokens < whole.tokens
