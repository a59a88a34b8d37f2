"""What the front matter of a prompt file may hold: the field names of Prompty v2, and ours under `metadata.ragstone`.

A key that would do nothing is refused, so that whoever edits a prompt never wonders whether a line counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from ragstone.prompts.layers.best_of import BestOf
from ragstone.prompts.layers.chain_of_verification import ChainOfVerification
from ragstone.prompts.layers.cot import Cot
from ragstone.prompts.layers.generated_knowledge import GeneratedKnowledge
from ragstone.prompts.layers.least_to_most import LeastToMost
from ragstone.prompts.layers.react import ReAct
from ragstone.prompts.layers.reflect import Reflect
from ragstone.prompts.layers.self_consistency import SelfConsistency
from ragstone.prompts.layers.step_back import StepBack
from ragstone.prompts.layers.switch import Switch
from ragstone.prompts.layers.tree_of_thoughts import TreeOfThoughts
from ragstone.prompts.lookups import LookupSpec
from ragstone.prompts.retrieving import RetrieveSpec
from ragstone.types import Mark, Options, ShedKind, Trust

__all__ = ["Budget", "FewShot", "Front", "Layers", "Order", "Own", "Property", "Select"]

MOST_CALLS = 100
"""The calls of a model that one answer may take, where its prompt file does not say."""

Kind: TypeAlias = Literal["string", "integer", "float", "boolean", "array"]
Order: TypeAlias = Literal["rank", "edges", "source"]
Select: TypeAlias = Literal["fixed", "random", "length", "similar", "mmr"]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "float": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Property(_Strict):
    """One input of a prompt."""

    name: str
    kind: Kind = "string"
    description: str = ""
    required: bool = False
    default: Any = None
    example: Any = None
    enum_values: list[Any] | None = None

    def fits(self, value: object) -> bool:
        """Whether a value is of this kind; the items of an array are texts, numbers and booleans."""
        if isinstance(value, bool) != (self.kind == "boolean") or not isinstance(value, _TYPES[self.kind]):
            return False
        items = cast("Sequence[object]", value) if self.kind == "array" else ()
        return all(isinstance(item, str | int | float) for item in items)

    @property
    def absent(self) -> object:
        """What stands for this input when it is neither given nor has a default."""
        return {"string": "", "array": ()}.get(self.kind)


class _Options(_Strict):
    temperature: float | None = Field(default=None, ge=0)
    max_output_tokens: int | None = Field(default=None, ge=1)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop_sequences: list[Annotated[str, Field(min_length=1)]] = []

    def options(self) -> Options:
        return Options(
            temperature=self.temperature,
            max_tokens=self.max_output_tokens,
            top_p=self.top_p,
            top_k=self.top_k,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=self.seed,
            stop=tuple(self.stop_sequences),
        )


class _Model(_Strict):
    id: str = ""
    provider: str = ""
    api_type: Literal["chat"] = "chat"
    connection: Any = None
    options: _Options = _Options()


def _kind(value: object) -> object:
    """Prompty writes `format: {kind: jinja2}` and, for short, `format: jinja2`."""
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        return given["kind"] if [*given] == ["kind"] else given
    return value


class _Template(_Strict):
    format: Annotated[Literal["jinja2"], BeforeValidator(_kind)] = "jinja2"
    parser: Annotated[Literal["prompty"], BeforeValidator(_kind)] = "prompty"


class _Passages(_Strict):
    order: Order = "rank"
    mark: Mark = "none"


class FewShot(_Strict):
    """Solved examples that are shown before the question."""

    on: bool = True
    file: Annotated[str, StringConstraints(min_length=1)]
    k: int = Field(default=3, ge=1, le=100)
    select: Select = "fixed"
    seed: int = 0


class Persona(Switch):
    """Who the model shall speak as: a file that its first system message begins with."""

    file: Annotated[str, StringConstraints(min_length=1)]


class Layers(BaseModel):
    """The techniques that a prompt may use, each switched on or off by itself."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    few_shot: FewShot | None = None
    cot: Cot | None = None
    self_consistency: SelfConsistency | None = None
    best_of: BestOf | None = None
    chain_of_verification: ChainOfVerification | None = None
    reflect: Reflect | None = None
    least_to_most: LeastToMost | None = None
    step_back: StepBack | None = None
    generated_knowledge: GeneratedKnowledge | None = None
    tree_of_thoughts: TreeOfThoughts | None = None
    react: ReAct | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _said(cls, value: object) -> object:
        if value is None:  # a name alone looks as if it switched the technique on
            raise ValueError("holds nothing; to switch it on, write `{on: true}` behind it")
        return value

    def on(self) -> tuple[str, ...]:
        """The names of those that are switched on."""
        return tuple(name for name in type(self).model_fields if getattr(getattr(self, name), "on", False))


class Budget(_Strict):
    """The tokens that a request may take with its answer, and what is left out first where it does not fit."""

    total: int = Field(ge=1)
    reserve_output: int | None = Field(default=None, ge=0, alias="reserve_output")  # None: as long as it may be
    shed: list[ShedKind] = ["passages", "examples", "history"]

    def reserving(self, longest: int | None) -> Budget:
        """The same budget; where it does not say what it reserves for the answer, that is as long as one may be."""
        return self if self.reserve_output is not None else self.model_copy(update={"reserve_output": longest or 0})

    @field_validator("shed")
    @classmethod
    def _each_once(cls, shed: list[ShedKind]) -> list[ShedKind]:
        if len(set(shed)) < len(shed):
            raise ValueError("the same kind stands here twice")
        return shed


class Own(_Strict):
    """What stands under `metadata.ragstone`."""

    spec: Literal[1] = 1
    trust: dict[str, Trust] = {}
    abstain: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    retrieve: RetrieveSpec | None = None
    passages: _Passages = _Passages()
    persona: Persona | None = None
    layers: Layers = Layers()
    max_calls: int = Field(default=MOST_CALLS, ge=1, le=10_000, alias="max_calls")
    budget: Budget | None = None
    lookup: dict[str, LookupSpec] = {}
    tests: Annotated[str, Field(min_length=1)] | None = None


class _Metadata(_Strict):
    authors: list[str] = []
    tags: list[str] = []
    version: str | int | float = ""
    ragstone: Own = Own()


class Front(_Strict):
    """The whole front matter."""

    name: str = ""
    display_name: str = ""
    description: str = ""
    metadata: _Metadata = _Metadata()
    model: _Model = _Model()
    inputs: list[Property] = []
    outputs: Any = None  # properties or a JSON Schema, see outputs.py
    tools: Any = None
    template: _Template = _Template()

    def without(self, layers: Collection[str]) -> Front:
        """The same, with these layers switched off."""
        if not layers:
            return self
        own = self.metadata.ragstone
        rest: dict[str, Any] = {"layers": own.layers.model_copy(update=dict.fromkeys(set(layers) - {"persona"}))}
        if "persona" in layers:
            rest["persona"] = None
        metadata = self.metadata.model_copy(update={"ragstone": own.model_copy(update=rest)})
        return self.model_copy(update={"metadata": metadata})
