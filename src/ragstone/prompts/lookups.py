"""What a prompt file looks up: slots that are filled by an outside system, through a connector of the kind `lookup`.

    metadata:
      ragstone:
        lookup:
          order: {from: orders, path: "/orders/{order_id}"}

`{{ order }}` then holds what `connectors/orders.yaml` fetches at that path, with the input `order_id` in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ragstone.config import Located
from ragstone.errors import ConfigError, PromptError, nearest
from ragstone.lookup.address import Address, parse
from ragstone.lookup.pick import Pick, parse_pick
from ragstone.prompts.fence import fenced

if TYPE_CHECKING:
    from ragstone.prompts.schema import Property

__all__ = ["LookupSlot", "LookupSpec", "lookup_faults", "lookup_slots", "marked", "unused_faults"]

OURS = ("metadata", "ragstone", "lookup")

OnFail: TypeAlias = Literal["error", "empty"]


class LookupSpec(BaseModel):
    """What may stand under a lookup. `pick` is a part of what the connector gives, `mark` what stands around it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    connector: str = Field(alias="from")
    path: str
    pick: str = ""
    mark: Literal["none", "delimit"] = "delimit"
    on_fail: OnFail = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSlot:
    """A slot that is looked up. `from_at` and `path_at` are where its file names the connector and the path."""

    name: str
    connector: str
    address: Address
    pick: Pick = ()
    mark: Literal["none", "delimit"] = "delimit"
    on_fail: OnFail = "error"
    from_at: str = ""
    path_at: str = ""


def lookup_slots(specs: Mapping[str, LookupSpec], located: Located) -> tuple[LookupSlot, ...]:
    """The slots of a front matter in which `lookup_faults` has found nothing wrong."""
    return tuple(
        LookupSlot(
            name=name,
            connector=spec.connector,
            address=parse(spec.path),
            pick=parse_pick(spec.pick),
            mark=spec.mark,
            on_fail=spec.on_fail,
            from_at=located.where((*OURS, name, "from")),
            path_at=located.where((*OURS, name, "path")),
        )
        for name, spec in specs.items()
    )


def lookup_faults(
    specs: Mapping[str, LookupSpec], inputs: Sequence[Property], located: Located
) -> Iterator[PromptError]:
    """What is wrong with the lookups of a front matter, as far as the file alone can tell."""
    declared = {given.name: given for given in inputs}
    for name, spec in specs.items():
        for key, read in (("path", parse), ("pick", parse_pick)):
            try:
                read(getattr(spec, key))
            except ConfigError as error:
                where = located.where((*OURS, name, key))
                yield PromptError(error.message, where=where, expected=error.expected, found=error.found)
                break
        else:
            yield from _place_faults(parse(spec.path), declared, located.where((*OURS, name, "path")))


def _place_faults(address: Address, declared: Mapping[str, Property], where: str) -> Iterator[PromptError]:
    for name in address.names:
        given = declared.get(name)
        if given is None:
            expected = "one of " + ", ".join(declared) if declared else "an input of this file"
            yield PromptError(
                f"there is no input {name!r}", where=where, expected=expected, hint=nearest(name, declared)
            )
        elif given.kind == "array":
            yield PromptError(f"the input {name!r} is a list, which no path can hold", where=where)


def unused_faults(specs: Collection[str], used: Collection[str], located: Located) -> Iterator[PromptError]:
    """Lookups whose slot stands nowhere in the words: each would be fetched for nothing."""
    for name in specs:
        if name not in used:
            hint = f"Write {{{{ {name} }}}} where it belongs, or take it out."
            yield PromptError(
                f"what is looked up as {name!r} is used nowhere", where=located.where((*OURS, name)), hint=hint
            )


def marked(slots: Sequence[LookupSlot], values: Mapping[str, object]) -> dict[str, object]:
    """The texts of lookups within their fence. What is empty, and what its file leaves unmarked, stays as it is."""
    texts = {one.name: str(values[one.name]) for one in slots if one.mark == "delimit" and values.get(one.name)}
    return dict(zip(texts, fenced([*texts.values()]), strict=True))
