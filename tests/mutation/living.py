"""Puts a mutant into a process that runs: into its functions, defaults and values.

Nothing is imported anew, so there is no second class or table that half of the process
does not know. What cannot be changed so is said, and tried in a fresh process.
"""

import ast
import gc
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.mutation.making import FUNCTION, Mutant, Place, mutated

Key = tuple[str, str, int]
"""A code's file, qualified name and first line."""


Statement = tuple[ast.stmt, frozenset[str]]


class NeedsFresh(Exception):
    """Only a process that imports the mutant can show it."""


class Living:
    """What this process has of the files that are mutated, all of them imported."""

    def __init__(self, base: Path, paths: Sequence[Path]) -> None:
        self.functions = _functions(paths)
        self.modules = {module: _statements(module) for module in _modules(base)}

    def put(self, path: Path, number: int, mutant: Mutant) -> None:
        """Make this process run the mutant.

        Raises NeedsFresh where that is not enough, and whatever an import of it would.
        """
        tree = mutated(path.read_text(), number)
        name, first = mutant.home.function
        match mutant.home.place:
            case Place.BODY:
                _put_code(tree, (str(path), name, first), self.functions)
            case Place.DEFAULT:
                functions = self.functions.get((str(path), name, first), [])
                _put_defaults(tree, first, functions)
            case Place.VALUE:
                module = next(m for m in self.modules if m.__file__ == str(path))
                _put_value(tree, mutant.home.lines[0], module, self.modules)
            case Place.ELSEWHERE:
                raise NeedsFresh


def _functions(paths: Sequence[Path]) -> dict[Key, list[FunctionType]]:
    files, found = {str(path) for path in paths}, defaultdict(list)
    for one in gc.get_objects():
        # By its type: a lazy object would be made by the question what it is.
        if type(one) is FunctionType and one.__code__.co_filename in files:
            found[_key(one.__code__)].append(one)
    return found


def _modules(base: Path) -> list[ModuleType]:
    """Return the project's modules in the order in which they were imported."""
    files = (
        (module, getattr(module, "__file__", None) or "")
        for module in list(sys.modules.values())
    )
    within, packages = f"{base}{os.sep}", f"{base}{os.sep}.venv"
    return [
        module
        for module, file in files
        if file.startswith(within) and not file.startswith(packages)
    ]


def _key(code: CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _put_code(
    tree: ast.Module, outer: Key, functions: dict[Key, list[FunctionType]]
) -> None:
    path, name, _ = outer
    if outer not in functions:
        raise NeedsFresh
    for code in _codes(compile(tree, path, "exec")):
        key = _key(code)
        is_part = key == outer or key[1].startswith(f"{name}.")
        for function in functions.get(key, ()) if is_part else ():
            if function.__code__.co_freevars != code.co_freevars:
                raise NeedsFresh
            function.__code__ = code


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _put_defaults(
    tree: ast.Module, first: int, functions: Sequence[FunctionType]
) -> None:
    node = next(
        one
        for one in ast.walk(tree)
        if isinstance(one, FUNCTION)
        and first == (one.decorator_list[0] if one.decorator_list else one).lineno
    )
    if not functions:
        raise NeedsFresh
    for function in functions:
        values = [_value(one, function.__globals__) for one in node.args.defaults]
        function.__defaults__ = tuple(values) or None
        names = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        function.__kwdefaults__ = {
            one.arg: _value(default, function.__globals__)
            for one, default in names
            if default is not None
        } or None


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(compile(ast.Expression(node), "<default>", "eval"), names)  # noqa: S307 - our own source
    except NameError as error:
        raise NeedsFresh from error


def _put_value(
    tree: ast.Module,
    line: int,
    module: ModuleType,
    modules: Mapping[ModuleType, Sequence[Statement]],
) -> None:
    """Set a value of a module anew, and all that was made of it at import.

    What a class or a default took of it stays: a survivor is tried afresh.
    """
    changed: dict[str, set[str]] = {module.__name__: set()}
    for statement in tree.body:
        if statement.lineno == line:
            changed[module.__name__] |= _set(statement, module)
    names = set(changed[module.__name__])
    for other, statements in modules.items():
        for statement, used in statements:
            is_later = other is not module or statement.lineno > line
            if is_later and not names.isdisjoint(used):
                _follow(statement, other, changed)
                names |= changed[other.__name__]


def _statements(module: ModuleType) -> list[Statement]:
    """Return a module's imports and assignments, each with the names in it."""
    return [
        (one, frozenset(_words(one)))
        for one in ast.parse(Path(str(module.__file__)).read_text()).body
        if isinstance(one, ast.ImportFrom | ast.Assign | ast.AnnAssign)
    ]


def _words(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name


def _follow(
    statement: ast.stmt, module: ModuleType, changed: dict[str, set[str]]
) -> None:
    """Run an import or an assignment of a module again if it names what has changed."""
    mine = changed.setdefault(module.__name__, set())
    if isinstance(statement, ast.ImportFrom):
        theirs = changed.get(statement.module or "", set())
        for one in statement.names:
            if one.name in theirs:
                name = one.asname or one.name
                setattr(module, name, getattr(sys.modules[statement.module], one.name))
                mine.add(name)
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        nodes = ast.walk(statement.value) if statement.value else ()
        if any(_names(node, module, changed) for node in nodes):
            mine |= _set(statement, module)


def _names(node: ast.AST, module: ModuleType, changed: dict[str, set[str]]) -> bool:
    """Say whether a node is a changed name, here or of a module that is named here."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = getattr(module, node.value.id, None)
        if isinstance(owner, ModuleType):
            return node.attr in changed.get(owner.__name__, ())
    return isinstance(node, ast.Name) and node.id in changed[module.__name__]


def _set(statement: ast.stmt, module: ModuleType) -> set[str]:
    """Run an assignment; a table that may change does, so that all who hold it see."""
    before = dict(vars(module))
    code = ast.Module([statement], [])
    exec(compile(code, str(module.__file__), "exec"), vars(module))  # noqa: S102 - our own source
    nodes = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    targets = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    for name in targets & before.keys():
        old, new = before[name], getattr(module, name)
        if isinstance(old, dict) and isinstance(new, dict):
            old.clear()
            old.update(new)
            setattr(module, name, old)
    return targets
