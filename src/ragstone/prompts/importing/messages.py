"""Cuts a template at its roles, in the order and with the roles that our prompt files allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragstone.prompts.importing.inputs import Inputs
from ragstone.prompts.importing.losses import Losses
from ragstone.prompts.importing.nodes import For, History, If, Node, Print, RoleMark, blank

__all__ = ["Said", "arranged", "cut"]

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "model": "assistant"}
_EARLIER = "Earlier turns are sent as messages of their own, before the last user message."


@dataclass(frozen=True, slots=True)
class Said:
    """One message: a role as its author wrote it, and what is said. The role `history` stands for the earlier turns."""

    role: str
    nodes: tuple[Node, ...]
    where: str


def cut(nodes: Sequence[Node], *, first: str, where: str, losses: Losses) -> list[Said]:
    """The messages of a template whose words before any role belong to the role `first`."""
    return [said for said in _cut(nodes, first, where, losses) if said.role == "history" or not blank(said.nodes)]


def _cut(nodes: Sequence[Node], first: str, where: str, losses: Losses) -> list[Said]:
    made: list[Said] = []
    role, place = first, where
    held: list[Node] = []

    def close(then: str, at: str) -> None:
        nonlocal role, place, held
        made.append(Said(role, tuple(held), place))
        role, place, held = then, at, []

    for index, node in enumerate(nodes):
        match node:
            case RoleMark():
                close(node.role, node.where)
            case History():
                close(node.then, node.where)
                made.append(Said("history", (), node.where))
            case If() if _marked(node):
                if not _ends(nodes[index + 1 :]):
                    losses.leave_out(node.where, "a block that holds roles", "Its last message goes on after it.")
                    continue
                before, later = _branches(node, role, losses)
                held.append(before)
                close(role, place)
                made += later
            case For() if _marked(node):
                losses.leave_out(node.where, "a loop that makes messages", "Messages are known before the values are.")
            case _:
                held.append(node)
    close("", "")
    return made


def _branches(node: If, role: str, losses: Losses) -> tuple[Node, list[Said]]:
    """What a block says in the role before it, and the messages that it makes, each under its own condition."""
    cuts = [_cut(body, role, node.where, losses) for _, body in node.branches]
    other = _cut(node.otherwise, role, node.where, losses)
    conditions = [condition for condition, _ in node.branches]
    before = If(
        tuple((condition, said[0].nodes) for condition, said in zip(conditions, cuts, strict=True)),
        other[0].nodes,
        node.where,
    )
    later: list[Said] = []
    for index, said in enumerate([*cuts, other]):
        for one in said[1:]:
            branches = tuple((condition, one.nodes if at == index else ()) for at, condition in enumerate(conditions))
            branches = branches[: index + 1]
            otherwise = one.nodes if index == len(conditions) else ()
            later.append(Said(one.role, (If(branches, otherwise, one.where),), one.where))
    return before, later


def _marked(node: Node) -> bool:
    match node:
        case If(branches, otherwise):
            return any(map(_marked, (*(inner for _, body in branches for inner in body), *otherwise)))
        case For(_, body, otherwise):
            return any(map(_marked, (*body, *otherwise)))
        case _:
            return isinstance(node, RoleMark | History)


def _ends(rest: Sequence[Node]) -> bool:
    """Whether nothing is said before the next role."""
    for index, node in enumerate(rest):
        if isinstance(node, RoleMark):
            return blank(rest[:index])
    return blank(rest)


def arranged(said: Sequence[Said], inputs: Inputs, losses: Losses) -> list[tuple[str, tuple[Node, ...]]]:
    """The messages as our prompt files have them: system first, at least one of the user, no role but the three."""
    kept: list[Said] = []
    for one in said:
        if one.role != "history" and one.role.lower() not in ROLES:
            losses.leave_out(
                one.where, f"the message of the role {one.role!r}", "The roles are system, user, assistant."
            )
        else:
            kept.append(one)
    _check_history(kept, losses)
    system: list[tuple[str, tuple[Node, ...]]] = []
    spoken: list[tuple[str, tuple[Node, ...]]] = []
    for one in kept:
        if one.role == "history":
            continue
        role = ROLES[one.role.lower()]
        if one.role.lower() == "developer":
            losses.change(one.where, "a message of the role 'developer'", "It is a system message here.")
        if role == "system" and spoken:
            losses.change(one.where, "a system message after another role", "System messages stand first.")
        (system if role == "system" else spoken).append((role, one.nodes))
    if not any(role == "user" for role, _ in spoken):
        name = inputs.question()
        place = said[0].where if said else inputs.path
        losses.change(place, "has no user message", f"A user message with the new input {name!r} stands at its end.")
        spoken.append(("user", (Print(name),)))
    return system + spoken


def _check_history(said: Sequence[Said], losses: Losses) -> None:
    """Earlier turns go before the last user message. Where the original had them elsewhere, or nowhere, is a change."""
    for index, one in enumerate(said):
        rest = [ROLES.get(other.role.lower()) for other in said[index + 1 :] if other.role != "history"]
        if one.role == "history" and (rest[:1] != ["user"] or "user" in rest[1:]):
            losses.change(one.where, "the place of the earlier turns", _EARLIER)
