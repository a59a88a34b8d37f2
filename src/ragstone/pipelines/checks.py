"""From `checks:` of a pipeline to its guards."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

from ragstone.config import Located, expand, validate
from ragstone.errors import ConfigError, NotConfigured, PromptError, UsageError
from ragstone.pipelines.admission import Admission
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.judging import reviews
from ragstone.pipelines.spec import CheckSpec, CheckTerms
from ragstone.prompts.file import PromptFile
from ragstone.protocols import Check, Connector
from ragstone.registry import find
from ragstone.validation.checks.judge import JudgeCheck
from ragstone.validation.checks.output import OutputCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import Stage

__all__ = ["ALWAYS", "CITATIONS", "admission_of", "check_faults", "guards_of", "loose_guards"]

CITATIONS = "citations"
"""Every answer is cited, and its citations are looked up; named among the checks, the verdict on that is told too."""

ALWAYS: tuple[str, ...] = ("egress",)
"""Checks that are asked also where nobody names them."""


class Parts(Protocol):
    """Builds what a file names. Paths in it start at `folder`."""

    files: Mapping[str, Located]
    folder: Path

    def connector(self, kind: str, name: str, *, asked_at: str = "", **given: Any) -> Connector:
        """A connector by its name."""
        ...

    def make(self, kind: str, located: Located, *, name: str, **given: Any) -> Connector:
        """One of a type, from these keys."""
        ...


def admission_of(
    checks: Sequence[CheckSpec], spec: Located, parts: Parts, *, given: Mapping[str, Any]
) -> Admission | None:
    """The guards of an ingest pipeline, which flag what they find unless its file says otherwise; None without any.

    Raises ConfigError as `guards_of` does, and for a check of answers, or one that would change a document.
    """
    guards: list[Guard] = []
    said: list[object] = []
    for place, check in enumerate(checks):
        located = _section(check, spec, place)
        if check.name == CITATIONS:
            raise ConfigError("a document has no citations to check", where=located.where(), expected="another check")
        guard = _placed(check.name, located, parts, given, stage="passage")
        if guard.policy.on_fail == "filter":
            raise ConfigError(
                f"the check {check.name!r} cannot `filter` at ingestion: documents are kept word for word",
                where=located.where(("on_fail",)),
                expected="on_fail: one of drop, flag, raise, refrain",
                hint="In pipelines/answer.yaml it takes sentences out of what a model reads.",
            )
        if (again := _again(check, guard, zip(checks, guards, strict=False), located)) is not None:
            raise again
        guards.append(guard)
        said.append([check.name, *_told(parts.files.get(check.name), parts), *_told(located, parts)])
    if not guards:
        return None
    digest = hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()
    return Admission(guards, fingerprint=f"+{digest}")


def _told(located: Located | None, parts: Parts, *, seen: frozenset[str] = frozenset()) -> Iterator[object]:
    """What a file says, with what is said of the connectors and stands in the files that it names: a list of words."""
    if located is None:
        return
    yield located.value
    for word in _words(expand(located, lenient=True).value):
        yield from _content(word, parts.folder)
        if word in parts.files and word not in seen:
            seen |= {word}
            yield [*_told(parts.files[word], parts, seen=seen)]


def _content(name: str, folder: Path) -> Iterator[str]:
    """The hash of a file, where a word names one."""
    with suppress(OSError, RuntimeError, ValueError):  # too long for a name, nobody's home, no name at all
        path = folder / Path(name).expanduser()
        if path.is_file():
            with path.open("rb") as file:
                yield hashlib.file_digest(file, "blake2b").hexdigest()


def _words(value: object) -> Iterator[str]:
    """Every text in what a file says."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in cast("Mapping[str, object]", value).values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            yield from _words(each)


def guards_of(checks: Sequence[CheckSpec], spec: Located, parts: Parts, *, given: Mapping[str, Any]) -> Guards:
    """The guards of a pipeline. `given` are the parts of it that a check may take: its embedder, who asks its models.

    Raises ConfigError, with its place, for a check that is not known, a key of it, or a policy that makes no sense.
    """
    found: list[Guard] = []
    for each in _guards(checks, spec, parts, given):
        if isinstance(each, ConfigError):
            raise each
        found.append(each)
    form = tuple(guard for guard in found if isinstance(guard.check, OutputCheck))
    rest = tuple(guard for guard in found if guard not in form)
    return Guards(all=rest, form=form, citations=any(check.name == CITATIONS for check in checks))


def check_faults(
    checks: Sequence[CheckSpec],
    spec: Located,
    parts: Parts,
    prompt: Callable[[str], PromptFile],
    *,
    told: Collection[str] = (),
) -> Iterator[ConfigError]:
    """What is wrong with the checks of a pipeline, and with the prompt files that they ask by.

    `told` are the connectors whose own files have faults, which are said elsewhere.
    """
    with suppress(NotConfigured):
        for each in _guards(checks, spec, parts, {"embedder": None, "runner": None}, told):
            if isinstance(each, ConfigError):
                yield from each.faults or (each,)
            elif isinstance(each.check, JudgeCheck):
                try:
                    reviews(each.check, prompt)
                except (UsageError, PromptError) as error:
                    place = next(place for place, check in enumerate(checks) if check.name == each.name)
                    where, expected = spec.where(("checks", place, each.name, "prompt")), error.expected
                    yield ConfigError(error.message, where=where, expected=expected, found=error.found, hint=error.hint)


def _guards(
    checks: Sequence[CheckSpec], spec: Located, parts: Parts, given: Mapping[str, Any], told: Collection[str] = ()
) -> Iterator[Guard | ConfigError]:
    """Each guard, or why there is none."""
    there = {check.name for check in checks}
    made: list[tuple[CheckSpec, Guard]] = []
    for place, check in [*enumerate(checks), *((None, CheckSpec(name=name)) for name in ALWAYS if name not in there)]:
        located = _section(check, spec, place)
        if check.name == CITATIONS and check.keys:
            hint = "Write `citations` alone; what is done about a claim is for the check `grounding`."
            yield ConfigError("citations takes no keys", where=located.where(), hint=hint)
        if check.name == CITATIONS or check.name in told:
            continue
        try:
            guard = _placed(check.name, located, parts, given)
        except NotConfigured:
            raise
        except ConfigError as error:
            yield error
            continue
        yield _again(check, guard, made, located) or guard
        made.append((check, guard))


def _again(
    check: CheckSpec, guard: Guard, made: Iterable[tuple[CheckSpec, Guard]], located: Located
) -> ConfigError | None:
    """What is wrong with a check that was asked of the same texts before: two policies would contradict each other."""
    own = _own_keys(check)
    for before, other in made:
        alike = before.name == check.name and (check.name in ALWAYS or _own_keys(before) == own)
        if alike and {*other.stages} & {*guard.stages}:
            return ConfigError(
                f"the check {check.name!r} is named twice for the same texts",
                where=located.where(),
                expected="one entry, with one policy",
            )
    return None


def _own_keys(check: CheckSpec) -> dict[str, Any]:
    """The keys of a check that say what it looks for."""
    return {key: value for key, value in check.keys.items() if key not in CheckTerms.model_fields}


def loose_guards(checks: Sequence[Check | Guard]) -> Guards:
    """Guards that a program hands over; a check by itself has its own policy. Raises UsageError for anything else."""
    given: object = checks
    if not isinstance(given, list | tuple):
        raise UsageError("the checks are no list", expected="checks=[…]", found=type(given).__name__)
    for one in cast("Sequence[object]", given):
        if not isinstance(one, Check | Guard):
            hint = f"Make one: {one.__name__}()" if isinstance(one, type) else "See docs/checks.md."
            raise UsageError(f"{one!r} is no check", expected="a Check, or a Guard with its policy", hint=hint)
    found = [one if isinstance(one, Guard) else _loose(one, one.name or type(one).__name__) for one in checks]
    there = {guard.name for guard in found}
    always = [_loose(cast("Callable[[], Check]", find("check", name))(), name) for name in ALWAYS if name not in there]
    form = tuple(guard for guard in found if isinstance(guard.check, OutputCheck))
    return Guards(all=(*(guard for guard in found if guard not in form), *always), form=form)


def _loose(check: Check, name: str) -> Guard:
    return Guard(name=name, check=check, policy=Policy(on_fail=check.on_fail))


def _section(check: CheckSpec, spec: Located, place: int | None) -> Located:
    """The keys of one check, as if they stood in a file of their own."""
    at = ("checks", place, check.name)
    places = {keys[3:]: found for keys, found in spec.places.items() if keys[:3] == at}
    if () not in places and ("checks", place) in spec.places:
        places[()] = spec.places["checks", place]  # pyright: ignore[reportArgumentType]
    return Located(dict(check.keys), spec.path, places)


def _placed(
    name: str, located: Located, parts: Parts, given: Mapping[str, Any], *, stage: Stage | None = None
) -> Guard:
    """One guard, with the place of what makes no sense of it."""
    try:
        return _guard(name, located, parts, given, stage)
    except UsageError as error:
        at, file = ("on_fail",), parts.files.get(name)
        if at not in located.places and file is not None and at in file.places:
            located = file  # it stands there, and not in the pipeline
        where = located.where(at if at in located.places else ("on",))
        raise ConfigError(
            error.message, where=where, expected=error.expected, found=error.found, hint=error.hint
        ) from None


def _guard(name: str, located: Located, parts: Parts, given: Mapping[str, Any], stage: Stage | None) -> Guard:
    """`stage` is the only one that there is here, and what is found is flagged there."""
    own = CheckTerms.model_fields
    terms = {key: value for key, value in located.value.items() if key in own}
    settings = {key: value for key, value in located.value.items() if key not in own}
    if name in parts.files:
        if settings:
            key = next(iter(settings))
            hint = f"Write it into connectors/{name}.yaml."
            raise ConfigError(f"{key!r} is a key of the check itself", where=located.where((key,)), hint=hint)
        file = parts.files[name].value
        theirs = _taken(find("check", str(file.get("type", ""))), given) if file.get("kind") == "check" else {}
        check = parts.connector("check", name, asked_at=located.where(), **theirs)
        beside = {key: value for key, value in file.items() if key in own}
        terms = {**beside, **terms}
    else:
        try:
            factory = find("check", name)
        except ConfigError as error:
            error.where = located.where()
            raise
        own_keys = replace(located, value={"type": name, **settings})
        check = parts.make("check", own_keys, name=name, **_taken(factory, given))
    chosen = validate(CheckTerms, replace(located, value=terms))
    assert isinstance(check, Check), "the registry has checked it"
    policy = Policy(
        on_fail=chosen.on_fail or (check.on_fail if stage is None else "flag"),
        on_error=chosen.on_error,
        timeout=chosen.timeout,
        reasks=chosen.reasks,
        otherwise=chosen.otherwise,
    )
    if policy.on_fail != "reask" and (idle := [key for key in ("reasks", "otherwise") if key in located.value]):
        hint = "It says what comes after a model was asked again."
        expected = f"`on_fail: reask` beside `{idle[0]}`"
        raise ConfigError(
            f"{idle[0]!r} has no effect here",
            where=located.where((idle[0],)),
            expected=expected,
            found=f"on_fail: {policy.on_fail}",
            hint=hint,
        )
    if stage is not None and chosen.on not in (None, (stage,)):
        raise UsageError(f"the check {name!r} is asked of documents here", expected=f"no `on`, or `on: {stage}`")
    return Guard(name=name, check=check, policy=policy, stages=chosen.on or ((stage,) if stage is not None else ()))


def _taken(factory: type[Connector], given: Mapping[str, Any]) -> dict[str, Any]:
    """Those parts of the pipeline that the constructor of a check takes."""
    takes = inspect.signature(factory).parameters
    return {key: value for key, value in given.items() if key in takes}
