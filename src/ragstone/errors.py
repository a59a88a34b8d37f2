"""Every error that Ragstone raises, in one tree.

    RagstoneError
    ├── ConfigError               a file of the project is wrong; nothing was done
    │   ├── ProjectNotFound       no folder with [tool.ragstone] in its pyproject.toml
    │   ├── NotConfigured         a variable or key that this part needs is not set
    │   ├── MissingExtra          an optional package is not installed
    │   ├── PipelineNotFound      no pipeline of that name does what is asked of it
    │   └── PromptError           a prompt file cannot be used as it stands
    ├── UsageError                an argument is wrong: a bad k, an unknown name, a malformed filter
    │   └── ConversationNotFound  it is not there, or not for who asks
    ├── AccessDenied              who asks has no key, or one that does not count
    ├── SourceError               a source cannot be listed
    │   ├── SourceUnavailable     its folder is missing or unreachable
    │   └── SourceEmpty           it lists nothing, and held documents before
    ├── ParseError                one document cannot be read; the others go on
    │   └── UnsupportedFile       no parser reads files of its kind
    ├── StateError                .ragstone/ cannot be read or written
    │   ├── IndexBusy             another process holds the index                  (retryable)
    │   ├── IndexMismatch         the index was built by another embedder
    │   ├── StorageFull           the disk is full
    │   └── StoreUnavailable      the server of a store cannot be reached          (retryable)
    ├── EmbedderError             the embedder cannot be loaded, or a text is longer than its window
    ├── LookupFailed              what a prompt looks up was refused, or cannot be read
    │   └── LookupUnavailable     its server cannot be reached, or is too slow     (retryable)
    ├── CacheUnavailable          a cache cannot be asked now                      (retryable)
    ├── NotCached                 only what is kept may answer, and nothing is
    ├── CheckFailed               a question, a passage or an answer failed a check that must not be failed
    ├── Ungraded                  a model that was asked to judge has given no grade
    ├── ToolFailed                a tool cannot do what a model asked of it
    ├── UnsupportedFilter         a store lacks a filter that was asked for
    └── ModelError                a model gave no answer
        ├── ModelUnavailable      it cannot be reached, or is overloaded           (retryable)
        │   ├── ModelResting      it failed too often of late, and is left alone
        │   ├── ModelBusy         more requests wait for it than may
        │   └── StreamBroken      it broke off after its first words
        ├── ModelTimeout          the deadline passed first                        (retryable)
        ├── RateLimited           a limit of requests or tokens a minute           (retryable)
        ├── OverBudget            a budget is spent
        ├── LedgerUnavailable     what calls cost cannot be counted now           (retryable)
        ├── ModelDenied           the key was refused
        ├── OutOfCalls            the answer took all the calls that it may take
        └── ModelRejected         the server refused the request as it stands
            ├── PromptTooLong     it is longer than the model's window
            └── NotAllowed        no model may have it: it lacks a setting, or the data may not leave

A message says what is wrong and where, what was expected, what was found, and what to do:

>>> print(UsageError("k is out of range", where="search", expected="1 to 1000", found="0"))
search: k is out of range: expected 1 to 1000, found 0
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    from ragstone.types import Attempt
    from ragstone.usage import Usage
    from ragstone.verdicts import Verdict

__all__ = [
    "AccessDenied",
    "CacheUnavailable",
    "CheckFailed",
    "ConfigError",
    "ConversationNotFound",
    "EmbedderError",
    "IndexBusy",
    "IndexMismatch",
    "LedgerUnavailable",
    "LookupFailed",
    "LookupUnavailable",
    "MissingExtra",
    "ModelBusy",
    "ModelDenied",
    "ModelError",
    "ModelRejected",
    "ModelResting",
    "ModelTimeout",
    "ModelUnavailable",
    "NotAllowed",
    "NotCached",
    "NotConfigured",
    "OutOfCalls",
    "OverBudget",
    "ParseError",
    "PipelineNotFound",
    "ProjectNotFound",
    "PromptError",
    "PromptTooLong",
    "RagstoneError",
    "RateLimited",
    "SourceEmpty",
    "SourceError",
    "SourceUnavailable",
    "StateError",
    "StorageFull",
    "StoreUnavailable",
    "StreamBroken",
    "ToolFailed",
    "Ungraded",
    "UnsupportedFile",
    "UnsupportedFilter",
    "UsageError",
    "nearest",
]


class RagstoneError(Exception):
    """The root of the tree. `retryable` says whether the same call may succeed later, `hint` what to do now."""

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        facts = ", ".join(
            f"{word} {fact}" for word, fact in (("expected", self.expected), ("found", self.found)) if fact is not None
        )
        parts = [part for part in (self.where, self.message, facts) if part]
        line = ": ".join(parts)
        return f"{line}. {self.hint}" if self.hint else line


class ConfigError(RagstoneError):
    """A file of the project is wrong; `where` is `path:line:column`, and `faults` every fault found in that file."""

    faults: tuple[ConfigError, ...] = ()


class ProjectNotFound(ConfigError):
    """No folder here or above has `[tool.ragstone]` in its pyproject.toml."""


class NotConfigured(ConfigError):
    """A variable or key that this part needs is not set."""


class MissingExtra(ConfigError):
    """An optional package is not installed; the hint is the command that installs it."""


class PipelineNotFound(ConfigError):
    """There is no pipeline of that name, or it ingests where one that answers is asked for, or the other way round."""


class PromptError(ConfigError):
    """A prompt file cannot be used as it stands."""


class UsageError(RagstoneError):
    """An argument is wrong."""


class ConversationNotFound(UsageError):
    """There is no such conversation, or none for who asks."""


class AccessDenied(RagstoneError):
    """Who asks has no key, one that does not count any more, or one that does not allow this."""


class SourceError(RagstoneError):
    """A source cannot be listed; nothing that it held is removed."""


class SourceUnavailable(SourceError):
    """The folder or service of a source is missing or unreachable."""


class SourceEmpty(SourceError):
    """A source lists nothing although it held documents before: an unmounted disk, perhaps."""


class ParseError(RagstoneError):
    """One document cannot be read. It is listed at the end of the run; the others go on."""


class UnsupportedFile(ParseError):
    """No parser reads files of this kind."""


class StateError(RagstoneError):
    """The project's state in `.ragstone/` cannot be read or written."""


class IndexBusy(StateError):
    """Another process holds the index."""

    retryable = True


class IndexMismatch(StateError):
    """The index was built by another embedder, so its vectors cannot be compared with the question's."""


class StoreUnavailable(StateError):
    """The server that holds the vectors does not answer."""

    retryable = True


class StorageFull(StateError):
    """The disk is full. What was written before is intact."""


class EmbedderError(RagstoneError):
    """The embedder cannot be loaded, or a text does not fit its window."""


class LookupFailed(RagstoneError):
    """What a prompt looks up was refused by its server, or cannot be read."""


class LookupUnavailable(LookupFailed):
    """The server that a prompt looks something up at cannot be reached, is overloaded, or is too slow."""

    retryable = True


class CacheUnavailable(RagstoneError):
    """A cache cannot be asked now, for this `reason`: what it holds is made again. `large` is one entry's own fault."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
        reason: Literal["down", "slow", "full", "corrupt", "large"] = "down",
    ) -> None:
        super().__init__(message, where=where, expected=expected, found=found, hint=hint)
        self.reason = reason


class NotCached(RagstoneError):
    """Only what is kept may answer this request, and nothing is kept for it."""


class CheckFailed(RagstoneError):
    """A text failed a check whose policy is `raise`; `verdicts` are those of all checks that were asked before."""

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
        verdicts: tuple[Verdict, ...] = (),
    ) -> None:
        super().__init__(message, where=where, expected=expected, found=found, hint=hint)
        self.verdicts = verdicts


class Ungraded(RagstoneError):
    """A model that was asked to judge has given no grade."""


class ToolFailed(RagstoneError):
    """A tool cannot do what a model asked of it: the model is told, and may ask otherwise."""


class UnsupportedFilter(RagstoneError):
    """A store lacks a filter that was asked for. It raises: a filter is never ignored."""


class ModelError(RagstoneError):
    """A model gave no answer.

    `elsewhere`: another model of the route may. `again`: the same model may, asked once more at once. `retry_after` are
    the seconds that its server asked to be left alone. `attempts` are those that were made on the way to it. `usage` is
    what it took nevertheless: None for nothing, and a Usage of zeros where that is not known.
    """

    elsewhere: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
        again: bool | None = None,
    ) -> None:
        super().__init__(message, where=where, expected=expected, found=found, hint=hint)
        self.retry_after = retry_after
        self.again = type(self).retryable if again is None else again
        self.attempts: tuple[Attempt, ...] = ()
        self.usage: Usage | None = None

    def taking(self, usage: Usage) -> Self:
        """The same, of a call that took so much all the same."""
        self.usage = usage
        return self


class ModelUnavailable(ModelError):
    """The model cannot be reached, is overloaded, or broke off."""

    retryable = elsewhere = True


class ModelResting(ModelUnavailable):
    """The model failed too often of late, so it is left alone for a while."""


class ModelBusy(ModelUnavailable):
    """As many requests wait for the model as may, or this one has waited for too long: it was shed."""


class StreamBroken(ModelUnavailable):
    """The model broke off after its first words, which the reader has got: no other model goes on with them."""

    elsewhere = False


class ModelTimeout(ModelError):
    """The deadline passed before the model had answered."""

    retryable = elsewhere = True


class RateLimited(ModelError):
    """A limit of requests or tokens a minute is reached; `retry_after` says when there is room again."""

    retryable = elsewhere = True


class OverBudget(ModelError):
    """The answer may cost more than what a budget has left. A model that costs less may still be asked."""

    elsewhere = True


class LedgerUnavailable(ModelError):
    """The ledger cannot be reached, so that no call is made that has a budget or a limit to keep to."""

    retryable = True


class ModelDenied(ModelError):
    """The key was refused, or may not use this model."""


class OutOfCalls(ModelError):
    """An answer took all the calls of a model that its prompt file allows."""


class ModelRejected(ModelError):
    """The server refused the request as it stands; sending it again gives the same."""


class PromptTooLong(ModelRejected):
    """The prompt and its answer do not fit into the model's window: they are `beyond` it by so many tokens."""

    elsewhere = True

    def __init__(self, message: str, *, beyond: int = 0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.beyond = beyond


class NotAllowed(ModelRejected):
    """The model may not have this request: it lacks a setting, say, or is none of your own."""

    elsewhere = True


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """A hint naming the candidate that was probably meant, or None when nothing is close.

    >>> nearest("stoer", ["store", "split"])
    "Did you mean 'store'?"
    """
    others = [candidate for candidate in candidates if candidate != word]  # one of its name is of the wrong kind
    found = difflib.get_close_matches(word, others, n=1, cutoff=0.6)
    return f"Did you mean {found[0]!r}?" if found else None
