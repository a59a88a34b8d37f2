"""Tree of thoughts: several next steps are proposed and judged, the best are followed, and the answer is written last.

    layers:
      tree_of_thoughts: {on: true, breadth: 3, depth: 2, search: bfs, max_calls: 20}

It takes some ten calls and more for one answer, and is for tasks where a first step that looks right often leads
nowhere: puzzles, plans. Yao et al. 2023 (arXiv 2305.10601).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from ragstone.errors import PromptError
from ragstone.output import Output, read_json
from ragstone.plan import Call
from ragstone.prompts.estimate import estimated
from ragstone.prompts.layers.extending import ended
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.switch import Switch
from ragstone.prompts.layers.tree_search import ROOT, SCORES, Search, Shape, State, Value, reckoned
from ragstone.prompts.layers.words import Words, words
from ragstone.prompts.outputs import output_of
from ragstone.types import Completion, Prompt

if TYPE_CHECKING:
    from ragstone.prompts.layers.legality import Setting

__all__ = ["TreeOfThoughts", "TreeSearch", "tree_faults", "tree_of_thoughts"]

NAME = "tree_of_thoughts"

LONGEST_THOUGHT = 4_000  # characters; what is longer is no step

CALLS = "The search for a way to the answer ended at its {n} calls: the answer follows the best one so far."
DEAD_END = "No line of thought was found to lead to an answer, so this one may be wrong."
FAILURE = "A model failed in the search for a way to the answer, which follows the best one so far: {error}"
SILENCE = "No next thought could be read from what the model said{cut}: {what}."
BARE = "it was asked for the answer at once"
SO_FAR = "the answer follows the thoughts so far"
CUT = ", which maxOutputTokens cut short"
UNREAD = "None of the {n} judgements of thoughts could be read{cut}: each counted as the lowest."


class TreeOfThoughts(Switch):
    """`propose` thoughts are asked for in one call, and `breadth` are followed, up to `depth` in a row.

    `bfs` goes level by level, `dfs` follows the best first and goes back. `value` judges each thought by itself, `vote`
    all of a level in one call. A thought below the `threshold` is not followed. `max_calls` counts the answer, too.
    """

    breadth: int = Field(default=3, ge=1, le=20)
    depth: int = Field(default=2, ge=1, le=20)
    search: Literal["bfs", "dfs"] = "bfs"
    propose: int = Field(default=3, ge=1, le=20)
    evaluate: Literal["value", "vote"] = "value"
    threshold: Value = "likely"
    max_calls: int = Field(default=20, ge=3, le=1000)

    def shape(self, *, room: int) -> Shape:
        """How its tree is searched within so many calls before the answer."""
        vote = self.evaluate == "vote"
        return Shape(
            breadth=self.breadth,
            depth=self.depth,
            propose=self.propose,
            first="breadth" if self.search == "bfs" else "depth",
            vote=vote,
            least=0 if vote else SCORES[self.threshold],
            room=room,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one kind of call says to a model, and the form of its reply."""

    says: Words
    form: Output

    @property
    def tokens(self) -> int:
        """Of all its words."""
        return estimated(self.says.text) + estimated(self.form.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSearch(Layer):
    """Searches a tree of thoughts, then asks for the answer by what lies inside it."""

    name: ClassVar[str] = NAME

    spec: TreeOfThoughts
    proposing: Step
    judging: Step
    answering: Words

    @property
    def texts(self) -> tuple[Words, ...]:
        """All the words that it says to a model."""
        return (self.proposing.says, self.judging.says, self.answering)

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """One call for the thoughts under each state that is followed, those that judge them, and the answer."""
        room = self.spec.max_calls - 1
        usual, most = reckoned(self.spec.shape(room=room))
        thought = longest or 0  # none is longer than the reply in which it stood
        path, before = thought * self.spec.depth, thought * (self.spec.depth - 1)
        level = self.spec.breadth * (thought + self.spec.propose * before)  # a vote reads all of it
        proposing = self.proposing.tokens + before
        judging = self.judging.tokens + (level if self.spec.evaluate == "vote" else path)
        does = self.spec.evaluate
        thinks: tuple[Call, ...]
        if most.calls > room:  # which of both the cap cuts, nobody knows before
            calls = min(usual.calls, room)
            more = max(proposing, judging)
            thinks = (Call(layer=NAME, does=f"propose and {does}", usual=calls, most=room, more=more),)
        else:
            thinks = (
                Call(layer=NAME, does="propose", usual=usual.proposals, most=most.proposals, more=proposing),
                Call(layer=NAME, does=does, usual=usual.judgements, most=most.judgements, more=judging),
            )
        last = estimated(self.answering.text) + path
        answers = (replace(call, layer=call.layer or NAME, more=call.more + last) for call in inner)
        return (*(call for call in thinks if call.most), *answers)

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The answer along the best path that was found within the calls that it may take; one is kept for it."""
        most = min(self.spec.max_calls, calls.left)
        mind = _Mind(tree=self, prompt=prompt, calls=calls)
        search = Search(self.spec.shape(room=most - 1), mind)
        with calls.step(f"layer.{NAME}", search=self.spec.search) as step:
            found = await search.run()
            step.facts.update(_facts(search, found))
        asked = prompt
        if found != ROOT:
            values = {"steps": found.thoughts, "doubted": search.ending == "dead end"}
            asked = ended(prompt, self.answering.say(values, trust="tool", tokens=calls.tokens), name="thoughts")
        return (await inner(asked))[0].noting(*_notices(search, found, most, mind.cut))


@dataclass(slots=True, kw_only=True)
class _Mind:
    """What the search asks, in words. Thoughts are what a model wrote, so their special tokens are broken up."""

    tree: TreeSearch
    prompt: Prompt
    calls: Calls
    cut: bool = False  # whether a reply was too long to be read

    async def propose(self, state: State) -> list[tuple[str, bool]]:
        """The next thoughts, and whether each is the last one."""
        reply = await self._ask(self.tree.proposing, {"steps": state.thoughts, "count": self.tree.spec.propose})
        found = reply.get("thoughts")
        return [each for each in map(_thought, cast("list[object]", found)) if each] if isinstance(found, list) else []

    async def value(self, state: State) -> Value | None:
        """How likely a state leads to an answer."""
        reply = await self._ask(self.tree.judging, {"steps": state.thoughts})
        said = str(reply.get("value", "")).strip().lower()
        return said if said in SCORES else None

    async def vote(self, states: Sequence[State]) -> list[int]:
        """Which states are best, best first."""
        shown = ["\n".join(state.thoughts) for state in states]
        count = min(self.tree.spec.breadth, len(states))
        reply = await self._ask(self.tree.judging, {"candidates": shown, "count": count})
        best = reply.get("best")
        numbers = cast("list[object]", best) if isinstance(best, list) else [best]
        places = (number - 1 for number in numbers if isinstance(number, int) and not isinstance(number, bool))
        return [place for place in dict.fromkeys(places) if 0 <= place < len(states)]

    async def _ask(self, step: Step, values: Mapping[str, object]) -> Mapping[str, Any]:
        """The object that a model replies with; an empty one where it cannot be read."""
        said = step.says.say(values, trust="tool", tokens=self.calls.tokens)
        options = replace(self.prompt.options, stop=())  # those of the answer would cut the object
        asked = replace(ended(self.prompt, said), output=step.form, options=options, abstain=None)
        completion: Completion = (await self.calls.ask(asked))[0]
        value, _, _ = read_json(completion.text)
        self.cut = self.cut or (value is None and completion.finish_reason == "length")
        return value or {}


def _thought(given: object) -> tuple[str, bool] | None:
    """A thought, and whether it is the last one; None for what is none.

    It comes on one line, so that it poses neither as several steps nor as the words behind them.
    """
    if isinstance(given, str):
        given = {"thought": given}
    if not isinstance(given, dict):
        return None
    item = cast("dict[str, object]", given)
    said = item.get("thought")
    if not isinstance(said, str) or not said.strip() or len(said) > LONGEST_THOUGHT:
        return None
    return " ".join(said.split()), item.get("done") is True


def _facts(search: Search, found: State) -> dict[str, object]:
    """What explains afterwards which way was taken."""
    tried = [
        {"thoughts": list(state.thoughts), "score": search.scores.get(state.place), "done": state.done}
        for state in search.states
    ]
    return {
        "ended": search.ending,
        "calls": search.made,
        "unread": search.unread,
        "path": list(found.thoughts),
        "tried": tried,
    }


def _notices(search: Search, found: State, most: int, cut: bool) -> Iterator[str]:
    """What a reader must know of how the answer was found."""
    because = CUT if cut else ""
    if search.ending == "calls":
        yield CALLS.format(n=most)
    elif search.ending == "dead end":
        yield DEAD_END
    elif search.ending == "failure":
        yield FAILURE.format(error=search.failure)
    elif search.ending == "silence":
        yield SILENCE.format(cut=because, what=BARE if found == ROOT else SO_FAR)
    if search.judged and search.unread == search.judged:
        yield UNREAD.format(n=search.judged, cut=because)


# ── From the file ───────────────────────────────────────────────────────────────────────────────────────────────────


def _object(properties: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": [*properties]}


TEXT = {"type": "string"}
THOUGHT = _object({"thought": TEXT, "done": {"type": "boolean"}})
FORMS: Mapping[str, Mapping[str, Any]] = {
    "propose": _object({"thoughts": {"type": "array", "items": THOUGHT}}),
    "value": _object({"reason": TEXT, "value": {"type": "string", "enum": [*SCORES]}}),
    "vote": _object({"reason": TEXT, "best": {"type": "array", "items": {"type": "integer"}}}),
}
"""What each kind of call replies with."""


def tree_of_thoughts(spec: TreeOfThoughts, root: Path) -> TreeSearch:
    """The layer in its words. Raises PromptError where these cannot be used."""

    def step(name: str, takes: Sequence[str], needs: Sequence[str]) -> Step:
        says = words(root, f"{NAME}/{name}.md", takes=takes, needs=needs)
        return Step(says=says, form=output_of(FORMS[name], name=name, root=root))

    vote = spec.evaluate == "vote"
    return TreeSearch(
        spec=spec,
        proposing=step("propose", ["count"], ["steps"]),
        judging=step("vote", ["count"], ["candidates"]) if vote else step("value", [], ["steps"]),
        answering=words(root, f"{NAME}/answer.md", takes=["doubted"], needs=["steps"]),
    )


def tree_faults(setting: Setting) -> Iterator[PromptError]:
    """Every reason why a tree cannot be searched as it is set."""
    tree = setting.layers.tree_of_thoughts
    if tree is None or not tree.on:
        return
    if tree.evaluate == "vote" and tree.search == "dfs":
        message = "dfs goes back where a thought is judged too low, and a vote only says which one is best"
        hint = "Write `evaluate: value`, or `search: bfs`."
        yield setting.fault((NAME, "evaluate"), message, hint=hint)
    elif tree.evaluate == "vote" and "threshold" in tree.model_fields_set:
        message = "a vote only says which thought is best, so no threshold can be compared with it"
        yield setting.fault((NAME, "threshold"), message, hint="Take `threshold` out, or write `evaluate: value`.")
    judged = tree.propose if tree.evaluate == "value" else int(tree.propose > 1)
    least = 1 + judged + 1
    if tree.max_calls < least:
        yield setting.fault(
            (NAME, "max_calls"),
            f"{tree.max_calls} calls do not even make the first step",
            expected=f"at least {least}: 1 to propose, {judged} to judge and 1 for the answer",
            hint="Raise max_calls, or make `propose` smaller.",
        )
