"""Makes mutants: a module's tree with one place changed. Knows nothing but `ast`."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}
TEXTUAL = ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal
OPERATED = ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
SPOKEN = {"logger", "_", "gettext"}
"""What is called for people alone."""


class Place(Enum):
    """Where a change stands, which says how a running process can take it."""

    BODY = "in a function"
    DEFAULT = "a function's default"
    VALUE = "a value of the module"
    ELSEWHERE = "a class, or what runs at import"


@dataclass(frozen=True, slots=True)
class Home:
    """What is around a place; the function is the outermost one, with its first line.

    `lines` are the first and last line of the statement, of its head if it has a body.
    """

    where: str = ""
    place: Place = Place.ELSEWHERE
    function: tuple[str, int] = ("", 0)
    lines: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change: where it is, and what stands there before and after.

    `name` is what it is called in the list of survivors: it has no line, which moves.
    """

    line: int
    home: Home
    name: str


@dataclass(slots=True)
class _Site:
    owner: Any
    field: str
    index: int | None
    new: Any
    mutant: Mutant

    def change(self) -> None:
        if self.index is None:
            setattr(self.owner, self.field, self.new)
        elif self.new is None:
            del getattr(self.owner, self.field)[self.index]
        else:
            getattr(self.owner, self.field)[self.index] = self.new


def mutants(source: str) -> list[Mutant]:
    """Return the mutants of a module, in the order of its text."""
    found, seen = [], Counter[str]()
    for site in _sites(ast.parse(source), Home()):
        seen[site.mutant.name] += 1
        again = seen[site.mutant.name]
        name = site.mutant.name if again == 1 else f"{site.mutant.name} ({again})"
        found.append(replace(site.mutant, name=name))
    return found


def mutated(source: str, number: int) -> ast.Module:
    """Return the module with the change of that number made."""
    tree = ast.parse(source)
    next(s for n, s in enumerate(_sites(tree, Home())) if n == number).change()
    return ast.fix_missing_locations(tree)


def _sites(node: ast.AST, home: Home) -> Iterator[_Site]:
    """Walk what means something when the program runs."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        many = value if isinstance(value, list) else [value]
        for index, child in enumerate(many):
            if not isinstance(child, ast.AST) or _is_left(child):
                continue
            inside = _home(home, node, name, child)
            place = index if isinstance(value, list) else None
            for before, after, new in _changes(child):
                line = getattr(child, "lineno", getattr(node, "lineno", 0))
                mutant = _mutant(line, inside, before, after)
                yield _Site(node, name, place, new, mutant)
            yield from _elements(child, inside)
            yield from _sites(child, inside)


def _mutant(line: int, home: Home, before: str, after: str) -> Mutant:
    return Mutant(line, home, f"{home.where or 'module'}: {before} → {after}")


def _home(home: Home, node: ast.AST, field: str, child: ast.AST) -> Home:
    """Return what is around a child of a node that stands in `home`."""
    if isinstance(child, ast.stmt):
        home = replace(home, lines=_lines(child))
    is_inside = home.place is Place.BODY
    if isinstance(node, ast.Module):
        is_value = isinstance(child, ast.Assign | ast.AnnAssign)
        home = replace(home, place=Place.VALUE if is_value else Place.ELSEWHERE)
    elif isinstance(node, FUNCTION) and not is_inside:
        home = replace(home, place=Place.BODY if field == "body" else Place.DEFAULT)
    if isinstance(child, FUNCTION | ast.ClassDef):
        where = f"{home.where}.{child.name}".lstrip(".")
        home = replace(home, where=where)
        if isinstance(child, FUNCTION) and home.place is not Place.BODY:
            first = child.decorator_list[0] if child.decorator_list else child
            home = replace(home, function=(where, first.lineno))
    return home


def _lines(statement: ast.stmt) -> tuple[int, int]:
    last = statement.end_lineno or statement.lineno
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if body:
        first = getattr(body[0], "lineno", getattr(body[0], "pattern", body[0]).lineno)
        last = max(statement.lineno, first - 1)
    return statement.lineno, last


def _is_left(node: ast.AST) -> bool:
    if isinstance(node, TEXTUAL) or _is_spoken(node):
        return True
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    return isinstance(node, ast.ClassDef) and node.name == "Meta"


def _is_spoken(node: ast.AST) -> bool:
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(node, ast.Expr) and isinstance(call, ast.Constant):
        return True  # a docstring
    if not isinstance(call, ast.Call):
        return False
    return ast.unparse(call.func).partition(".")[0] in SPOKEN


def _changes(node: ast.AST) -> Iterator[tuple[str, str, ast.AST]]:
    """Return what may stand in a node's place, with both as text."""
    for new in (*_operators(node), *_values(node), *_tests(node)):
        yield _text(node), _text(new), new
    for after, new in _statements(node):
        yield _text(node), after, new


def _operators(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[number] = SWAPS[type(operator)]()  # type: ignore[call-overload]
            yield new
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign):
        sides = [getattr(node, "left", None), getattr(node, "right", None)]
        if type(node.op) in SWAPS and not any(map(_is_text, sides)):
            new = copy.deepcopy(node)
            new.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
            yield new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def _is_text(node: ast.AST | None) -> bool:
    is_word = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return is_word or isinstance(node, ast.JoinedStr)


def _values(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1)


def _statements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Return what is done instead of a statement.

    What is left out stays in the tree, where nothing comes to: the function has then
    the same variables, and its code can take the place of the one that runs.
    """
    if isinstance(node, ast.Break | ast.Continue):
        new = SWAPS[type(node)]()
        yield _text(new), new
    elif isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "pass", ast.If(ast.Constant(value=False), [node], [])
    elif isinstance(node, ast.Return) and not _says_no(node.value):
        nothing = ast.Return(ast.Constant(None))
        yield "return None", ast.If(ast.Constant(value=True), [nothing], [node])


def _says_no(value: ast.AST | None) -> bool:
    """Say whether None in its place would mean the same."""
    return value is None or (isinstance(value, ast.Constant) and not value.value)


def _tests(node: ast.AST) -> Iterator[ast.AST]:
    """Turn a condition around that has no operator of its own."""
    has_test = isinstance(node, ast.If | ast.IfExp | ast.While)
    if has_test and not isinstance(node.test, OPERATED):
        new = copy.deepcopy(node)
        new.test = ast.UnaryOp(ast.Not(), new.test)
        yield new


def _elements(node: ast.AST, home: Home) -> Iterator[_Site]:
    """Take single elements out of sets and of tables at the top of a module."""
    is_words = isinstance(node, ast.Tuple) and all(map(_is_text, node.elts))
    is_table = is_words and home.place is Place.VALUE
    if (is_table or isinstance(node, ast.Set)) and len(node.elts) > 1:
        for number, one in enumerate(node.elts):
            mutant = _mutant(one.lineno, home, _text(one), "left out")
            yield _Site(node, "elts", number, None, mutant)
    elif isinstance(node, ast.Dict) and home.place is Place.VALUE and node.keys[1:]:
        for number, key in enumerate(node.keys):
            if key is not None:
                mutant = _mutant(key.lineno, home, _text(key), "left out")
                rest = copy.deepcopy(node)
                del rest.keys[number], rest.values[number]
                yield _Whole(node, rest, mutant)


class _Whole(_Site):
    """A change of all fields of a node."""

    def __init__(self, node: Any, new: Any, mutant: Mutant) -> None:
        super().__init__(node, "", None, new, mutant)

    def change(self) -> None:
        for name, value in ast.iter_fields(self.new):
            setattr(self.owner, name, value)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        node = node.test
    return ast.unparse(node).partition("\n")[0][:100]
