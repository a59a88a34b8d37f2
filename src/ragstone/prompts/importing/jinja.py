"""Says any Jinja template in the part of Jinja that our prompt files know.

A tag that cannot be said is left out, a block with all that is in it, and noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from jinja2 import Environment, TemplateSyntaxError, nodes

from ragstone.errors import PromptError
from ragstone.prompts.importing.inputs import Input, Inputs, Steps
from ragstone.prompts.importing.losses import Losses, NoCounterpartError
from ragstone.prompts.importing.nodes import For, History, If, Node, Print, Text, quoted
from ragstone.prompts.importing.printing import printed
from ragstone.prompts.syntax import FILTERS, LOOP, Source

__all__ = ["translated"]

_SIGNS = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}
_SAME = {"count": "length", **{name: name for name in FILTERS}}
_METHODS = {"upper": "upper", "lower": "lower", "strip": "trim"}
_STATEMENTS: dict[type[nodes.Node], str] = {
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Include: "include",
    nodes.Macro: "macro",
    nodes.Block: "block",
    nodes.Extends: "extends",
}


@dataclass(frozen=True, slots=True)
class _Scope:
    items: dict[str, str]  # the items of the loops around, each with its kind


def translated(
    source: Source, inputs: Inputs, losses: Losses, *, texts: Callable[[str, int], Iterator[Node]]
) -> list[Node]:
    """The template as nodes whose expressions are ours. `texts` reads the roles in a text that begins at a line.

    Raises PromptError for what is no Jinja.
    """
    environment = Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701
    try:
        tree = environment.parse(source.text)
        for line, token, value in environment.lex(source.text):
            if token == "comment":  # noqa: S105
                losses.leave_out(source.where(line), f"a comment: {value.strip()}"[:60], "A prompt file has none.")
    except TemplateSyntaxError as error:
        raise PromptError(f"is no template: {error.message}", where=source.where(error.lineno)) from error
    except (RecursionError, ValueError) as error:
        raise PromptError(f"is no template: {error}", where=source.where(1)) from error
    return list(_Translation(source, inputs, losses, texts).all(tree.body, _Scope({})))


class _Translation:
    def __init__(
        self, source: Source, inputs: Inputs, losses: Losses, texts: Callable[[str, int], Iterator[Node]]
    ) -> None:
        self.source, self.inputs, self.losses, self.texts = source, inputs, losses, texts
        self.set: set[str] = set()

    def all(self, body: Sequence[nodes.Node], scope: _Scope) -> Iterator[Node]:
        for node in body:
            for part in node.nodes if isinstance(node, nodes.Output) else [node]:
                try:
                    # As a list, so that a block which cannot be said leaves nothing behind.
                    made = list(self._one(part, scope))
                except NoCounterpartError as error:
                    self.losses.leave_out(self._where(part), _spoken(part), str(error))
                else:
                    yield from made

    def _where(self, node: nodes.Node) -> str:
        return self.source.where(node.lineno, _word(node))

    def _one(self, node: nodes.Node, scope: _Scope) -> Iterator[Node]:
        match node:
            case nodes.TemplateData():
                yield from self.texts(node.data, node.lineno)
            case nodes.If():
                yield self._if(node, scope)
            case nodes.For():
                yield self._for(node, scope)
            case nodes.Expr():
                yield from self._print(node, scope)
            case _:
                if isinstance(node, nodes.Assign | nodes.AssignBlock):
                    self.set |= {found.name for found in node.find_all(nodes.Name) if found.ctx == "store"}
                raise NoCounterpartError("A prompt has variables, if, for and include alone.")

    # ── Blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _if(self, node: nodes.If, scope: _Scope) -> If:
        branches = tuple(
            (self._said(branch.test, scope, "condition"), tuple(self.all(branch.body, scope)))
            for branch in (node, *node.elif_)
        )
        return If(branches, tuple(self.all(node.else_, scope)), self._where(node))

    def _for(self, node: nodes.For, scope: _Scope) -> For:
        if node.recursive or not isinstance(node.target, nodes.Name):
            raise NoCounterpartError("The items of a list are texts and numbers here, with nothing inside.")
        steps = self._steps(node.iter, scope)
        if steps is not None and steps[0] in self.inputs.threads:
            raise NoCounterpartError(_EARLIER)
        if isinstance(node.iter, nodes.Name) and node.iter.name in scope.items:
            raise NoCounterpartError("The items of a list are texts and numbers here, with nothing inside.")
        items = self._said(node.iter, scope, "loop")
        given = self.inputs.found.get(steps) if steps else None
        inside = _Scope({**scope.items, node.target.name: given.items if given else "", "loop": "loop"})
        asked = _parts_of(node.target.name, node.body)
        if asked:
            if given is not None and not given.kind and given.uses == {"loop"}:
                del self.inputs.found[given.steps]
            if asked <= {"role", "content", "text"}:
                raise NoCounterpartError(_EARLIER)
            raise NoCounterpartError("The items of a list are texts and numbers here, with nothing inside.")
        test = f" if {self._said(node.test, inside, 'condition')}" if node.test is not None else ""
        body = tuple(self.all(node.body, inside))
        return For(f"{node.target.name} in {items}{test}", body, tuple(self.all(node.else_, scope)), self._where(node))

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _print(self, node: nodes.Expr, scope: _Scope) -> Iterator[Node]:
        where = self._where(node)
        match node:
            case nodes.Const(value=str(text)):
                yield Text(text)
                return
            case nodes.Concat():
                for part in node.nodes:
                    yield from self._print(part, scope)
                return
            case nodes.CondExpr():
                other = list(self._print(node.expr2, scope)) if node.expr2 is not None else []
                said = list(self._print(node.expr1, scope))
                yield If(((self._said(node.test, scope, "condition"), tuple(said)),), tuple(other), where)
                return
            case nodes.Compare() | nodes.Not():
                yield Print(f"'True' if {self._said(node, scope, 'condition')} else 'False'")
                return
            case nodes.Filter(name="safe" | "string", node=nodes.Expr() as inner):
                yield from self._print(inner, scope)
                return
            case _:
                pass
        steps = self._steps(node, scope)
        if steps is not None and steps[0] in self.inputs.threads:
            yield History("", where)
            return
        expression = self._said(node, scope, "print")
        given = self._given(node, scope)
        if given is None:
            if isinstance(node, nodes.And | nodes.Or):
                raise NoCounterpartError("It may be one of two values of any kind.")
            if isinstance(node, nodes.Filter) and node.name in ("first", "last"):
                expression = f"{expression} if {self._said(cast('nodes.Expr', node.node), scope, 'print')} else ''"
            yield Print(expression)
            return
        yield from printed(expression, given.kind, given.items, python=True, losses=self.losses, where=where)

    def _given(self, node: nodes.Expr, scope: _Scope) -> Input | None:
        steps = self._steps(node, scope)
        return self.inputs.found.get(steps) if steps else None

    def _steps(self, node: nodes.Node | None, scope: _Scope) -> Steps | None:
        """The path among the inputs, where the node is one."""
        match node:
            case nodes.Name():
                return None if node.name in scope.items else (node.name,)
            case nodes.Getattr():
                inner = self._steps(node.node, scope)
                return None if inner is None else (*inner, node.attr)
            case nodes.Getitem(arg=nodes.Const(value=str(key))):
                inner = self._steps(node.node, scope)
                return None if inner is None else (*inner, key)
            case _:
                return None

    def _said(self, node: nodes.Node, scope: _Scope, how: str) -> str:
        """An expression in our words."""
        steps = self._steps(node, scope)
        if steps is not None:
            if steps[0] in self.set:
                raise NoCounterpartError(f"{steps[0]!r} is set in the template, and 'set' is left out.")
            if steps[0] in self.inputs.threads:
                raise NoCounterpartError("Earlier turns are no value here.")
            return self.inputs.use(steps, how, self._where(node)).name
        match node:
            case nodes.Name():
                return node.name
            case nodes.Getattr(node=nodes.Name(name="loop"), attr=asked) if asked in LOOP:
                return f"loop.{asked}"
            case nodes.Const():
                return _constant(node.value)
            case nodes.List() | nodes.Tuple():
                return "[" + ", ".join(self._said(item, scope, "print") for item in node.items) + "]"
            case _:
                return self._composed(node, scope, how)

    def _composed(self, node: nodes.Node, scope: _Scope, how: str) -> str:
        """An expression that is made of others."""
        match node:
            case nodes.Not():
                return f"not {self._part(node.node, scope, how)}"
            case nodes.And() | nodes.Or():
                sign = "and" if isinstance(node, nodes.And) else "or"
                return f"{self._part(node.left, scope, how)} {sign} {self._part(node.right, scope, how)}"
            case nodes.CondExpr(expr2=nodes.Expr() as other):
                test = self._part(node.test, scope, "condition")
                return f"{self._part(node.expr1, scope, how)} if {test} else {self._part(other, scope, how)}"
            case nodes.Compare():
                return self._compare(node, scope)
            case nodes.Filter(node=nodes.Expr()):
                return self._filter(node, scope, how)
            case nodes.Call(node=nodes.Getattr(attr=name) as method, args=[], kwargs=[]) if name in _METHODS:
                return f"{self._part(method.node, scope, 'print')} | {_METHODS[name]}"
            case nodes.Test():
                return self._test(node, scope)
            case _:
                raise NoCounterpartError(_WHY.get(type(node), "Our part of Jinja has no such expression."))

    def _part(self, node: nodes.Node, scope: _Scope, how: str) -> str:
        """An expression inside another one."""
        said = self._said(node, scope, how)
        simple = isinstance(node, nodes.Name | nodes.Const | nodes.List | nodes.Tuple | nodes.Getattr | nodes.Getitem)
        return said if simple else f"({said})"

    def _compare(self, node: nodes.Compare, scope: _Scope) -> str:
        others = [operand.expr for operand in node.ops]
        values = [other.value for other in (node.expr, *others) if isinstance(other, nodes.Const)]
        numbers = any(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        if "" in values:
            why = "An input that is not given is an empty text here."
            self.losses.change(self._where(node), "a comparison with an empty text", why)
        how = "number" if numbers else "condition" if any(isinstance(value, bool) for value in values) else "print"
        made = self._part(node.expr, scope, how)
        for operand in node.ops:
            inner = "loop" if operand.op in ("in", "notin") and self._steps(operand.expr, scope) is not None else how
            made += f" {_SIGNS[operand.op]} {self._part(operand.expr, scope, inner)}"
        return made

    def _filter(self, node: nodes.Filter, scope: _Scope, how: str) -> str:
        inner = cast("nodes.Expr", node.node)
        if node.name in ("default", "d") and len(node.args) in (1, 2) and not node.kwargs:
            if len(node.args) == 1:
                why = "The default also stands for an input that is given and empty."
                self.losses.change(self._where(node), "the filter default", why)
            value = self._part(inner, scope, "print")
            return f"{value} if {value} else {self._part(node.args[0], scope, 'print')}"
        ours = _SAME.get(node.name)
        if ours is None or len(node.args) > FILTERS[ours] or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise NoCounterpartError(f"There is no such filter here; there are {', '.join(FILTERS)}.")
        given = "loop" if ours == "join" else how if how == "loop" else "print"
        arguments = ", ".join(self._said(argument, scope, "print") for argument in node.args)
        return f"{self._part(inner, scope, given)} | {ours}" + (f"({arguments})" if arguments else "")

    def _test(self, node: nodes.Test, scope: _Scope) -> str:
        if node.name in ("defined", "none", "undefined") and isinstance(node.node, nodes.Name | nodes.Getattr):
            value = self._part(node.node, scope, "condition")
            given = self._given(node.node, scope)
            negated = node.name != "defined"
            if given is not None and given.kind in ("integer", "float", "boolean"):
                return f"{value} {'==' if negated else '!='} none"
            why = "An input that is not given is empty here, so this asks whether it is empty."
            self.losses.change(self._where(node), f"the test 'is {node.name}'", why)
            return f"not {value}" if negated else value
        raise NoCounterpartError("There are no tests with 'is' here.")


_EARLIER = "Earlier turns are sent as messages of their own, before the last user message."
_WHY: dict[type[nodes.Node], str] = {
    nodes.Call: "There is nothing to call in a prompt.",
    nodes.Getattr: "A value has no parts.",
    nodes.Getitem: "A value has no parts.",
    nodes.Slice: "A value has no parts.",
    nodes.Add: "There is no arithmetic here.",
    nodes.Sub: "There is no arithmetic here.",
    nodes.Mul: "There is no arithmetic here.",
}


def _constant(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return repr(value)


def _parts_of(name: str, body: Sequence[nodes.Node]) -> set[str]:
    """Which parts of its items a loop asks for."""
    made: set[str] = set()
    for node in body:
        for found in node.find_all((nodes.Getattr, nodes.Getitem)):
            if isinstance(found.node, nodes.Name) and found.node.name == name:
                made.add(found.attr if isinstance(found, nodes.Getattr) else "?")
    return made


def _word(node: nodes.Node) -> str:
    """A word by which the tag is found on its line."""
    if isinstance(node, nodes.Filter):
        return node.name
    found = node if isinstance(node, nodes.Name) else next(node.find_all(nodes.Name), None)
    return found.name if found is not None else ""


def _spoken(node: nodes.Node) -> str:
    kind = _STATEMENTS.get(type(node))
    if kind is not None:
        return f"{{% {kind} … %}}"
    if isinstance(node, nodes.If | nodes.For):
        return f"the block {{% {type(node).__name__.lower()} … {_word(node)} … %}}"
    name = _word(node)
    return f"{{{{ … {name} … }}}}" if name and not isinstance(node, nodes.Name) else f"{{{{ {name or '…'} }}}}"
