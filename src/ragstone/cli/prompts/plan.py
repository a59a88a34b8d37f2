"""What a prompt would cost: its tokens, its calls, and the price of the models that may be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

from ragstone.errors import ConfigError
from ragstone.plan import ANSWER, Call
from ragstone.project import Project
from ragstone.prompts.tokens import ESTIMATE
from ragstone.types import Prompt

__all__ = ["Plan", "most_cost", "plan", "rates"]

HOW = {ESTIMATE: "estimated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the builder does not know of a prompt: `cost` is the most that it can cost, in USD; None without a price."""

    cost: float | None
    shed: list[dict[str, Any]]

    def lines(self, prompt: Prompt) -> list[str]:
        """The figures for a person."""
        calls = _counted(prompt.calls, prompt.worst_case_calls)
        cost = "no price is known"
        if self.cost is not None:
            cost = f"at most {self.cost:.6f}".rstrip("0").rstrip(".") + " USD" if self.cost else "free of charge"
        return [
            f"{prompt.tokens} tokens ({HOW.get(prompt.counter, prompt.counter)}), "
            f"{prompt.stable_prefix_tokens} of them the same in every request",
            f"{calls}, {cost}",
            *(
                f"  {_named(call)}: {_counted(call.usual, call.most)}"
                for call in prompt.plan
                if prompt.plan != (ANSWER,)
            ),
            *(f"left out: {unit['unit']} ({unit['kind']}, {unit['tokens']} tokens)" for unit in self.shed),
        ]


def plan(project: Project, built: Prompt, *, pipeline: str) -> Plan:
    """The figures of a prompt, asked by the models of a pipeline's route."""
    return Plan(
        cost=max(_costs(project, built, pipeline), default=None),
        shed=[asdict(unit) for unit in built.shed],
    )


def _counted(usual: int, most: int) -> str:
    """`4 calls, at most 6`."""
    calls = f"{usual} call{'s' * (usual != 1)}"
    return calls if usual == most else f"{calls}, at most {most}"


def _named(call: Call) -> str:
    return ", ".join(filter(None, (call.layer, call.does)))


def _costs(project: Project, built: Prompt, pipeline: str) -> Iterator[float]:
    """The most that each model of the route can ask for: all of the input, and the longest answer."""
    for name in _route(project, pipeline):
        cost = most_cost(project, built, model=name)
        if cost is not None:
            yield cost


def most_cost(project: Project, built: Prompt, *, model: str) -> float | None:
    """The most that a prompt can cost with the model of `connectors/<model>.yaml`, in USD; None without a price."""
    value: object = project.connectors[model].value if model in project.connectors else None
    given = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    window, price = given.get("context"), rates(project, model)
    longest = built.options.max_tokens or (window - built.tokens if isinstance(window, int) else None)
    if price is None or longest is None:
        return None
    read, made = _most(built, max(longest, 0))
    return round((read * price[0] + made * price[1]) / 1_000_000, 9)


def _most(built: Prompt, longest: int) -> tuple[int, int]:
    """The tokens that all calls of the plan read and make, at most."""
    read = sum(call.most * (call.more + (0 if call.alone else built.tokens)) for call in built.plan)
    return read, sum(call.most * (longest if call.made is None else call.made) for call in built.plan)


def rates(project: Project, name: str) -> tuple[float, float] | None:
    """What a model asks for what it reads and for what it writes, in USD per million tokens; None where unknown."""
    value: object = project.connectors[name].value if name in project.connectors else None
    price: object = cast("dict[str, Any]", value).get("price") if isinstance(value, dict) else None
    found = [cast("dict[str, Any]", price).get(key) for key in ("input", "output")] if isinstance(price, dict) else []
    if len(found) == 2 and all(isinstance(rate, int | float) for rate in found):
        return float(found[0] or 0), float(found[1] or 0)
    return None


def _route(project: Project, pipeline: str) -> list[str]:
    if pipeline == "answer" and not (project.root / "pipelines" / "answer.yaml").is_file():
        return []
    try:
        return list(project.answer_spec(pipeline).route.models)
    except ConfigError:
        if pipeline == "answer":
            return []  # what is wrong with it is for `ragstone check` to say
        raise
