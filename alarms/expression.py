"""Arithmetic over tags, written by engineers: `(PT-401A - PT-401B) / 2`, checked before it ever runs.

Theory of operation: the text is cut into tokens first, because tag names hold '-' and '.'; every name
becomes a variable. The rest is parsed as a Python expression and rebuilt from a short list of allowed
forms, so nothing that is not on the list can be reached: no attributes, no subscripts, no strings,
no keywords, no names but tags and the given functions. All numbers are floats, so no power grows
without bounds. A result that is not a finite number, and any arithmetic error, is None: Bad quality.

A minus sign between two names needs blanks around it: `PT-401A - PT-401B`.
"""

from __future__ import annotations

import ast
import builtins
import math
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

LENGTH_MAX: Final = 1000
NODES_MAX: Final = 300
DEPTH_MAX: Final = 100


class ExpressionError(ValueError):
    """The text is not an allowed expression. column counts from 0 within the text."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call with `least` to `most` numbers.

    units, unit: what the arguments must be in and what comes out; '' = anything, checked by nobody.
    """

    call: Callable[..., float]
    least: int
    most: int
    units: tuple[str, ...] = ()
    unit: str = ""


def _where(condition: float, yes: float, no: float) -> float:
    return yes if condition else no


def _clip(value: float, low: float, high: float) -> float:
    return low if value < low else min(value, high)


BUILT_IN: Final[Mapping[str, Function]] = {
    "min": Function(min, 2, 20),
    "max": Function(max, 2, 20),
    "abs": Function(abs, 1, 1),
    "sqrt": Function(math.sqrt, 1, 1),
    "exp": Function(math.exp, 1, 1),
    "log": Function(math.log, 1, 1),
    "clip": Function(_clip, 3, 3),
    "where": Function(_where, 3, 3),
}

_TOKEN: Final = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*(?:\.[A-Za-z0-9_]+)*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|[-+*/%<>(),])"
)
_CHOICE: Final = frozenset(("if", "else", "elif"))
_WORDS: Final = frozenset(("and", "or", "not"))
_BINARY: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Pow)
_UNARY: Final = (ast.UAdd, ast.USub, ast.Not)
_COMPARING: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. names: the tags it reads, in the order in which evaluate wants their values."""

    text: str
    names: tuple[str, ...]
    tree: ast.expr  # variables are v0, v1 ... in the order of names
    _run: Callable[..., float]

    def evaluate(self, values: Sequence[float]) -> float | None:
        """The result, None when there is no finite one or when an input is not a number."""
        for value in values:
            if value != value:  # noqa: PLR0124 - NaN; min and max would let it pass
                return None
        try:
            result = float(self._run(*values))
        except (ArithmeticError, ValueError, TypeError):  # TypeError: a complex root
            return None
        return result if math.isfinite(result) else None


def compile(text: str, functions: Mapping[str, Function] = {}) -> Expression:  # noqa: A001 - as re.compile
    """Checks and compiles `text`; `functions` are allowed beside min max abs sqrt exp log clip where."""
    if len(text) > LENGTH_MAX:
        raise ExpressionError(f"longer than {LENGTH_MAX} characters; split it into several derived tags")
    known = {**BUILT_IN, **functions}
    source, names, columns = _tokenised(text, known)
    try:
        body = ast.parse(source, mode="eval").body
    except (SyntaxError, MemoryError, RecursionError, ValueError) as error:
        offset = getattr(error, "offset", None) or 1
        raise ExpressionError(
            "cannot be read; check brackets and operators", _column(columns, offset - 1)
        ) from None
    if sum(1 for _ in ast.walk(body)) > NODES_MAX:
        raise ExpressionError("has too many terms; split it into several derived tags")
    tree = _rebuilt(body, known, columns, 0)
    run = _lambda(tree, len(names), known)
    return Expression(text, tuple(names), tree, run)


def _tokenised(text: str, known: Mapping[str, Function]) -> tuple[str, list[str], list[int]]:
    """Python source with v0, v1 ... for the names, the names, and the column in `text` of each character."""
    parts: list[str] = []
    names: list[str] = []
    columns: list[int] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"{text[position]!r} is not allowed here", position)
        piece = match[0]
        if match.lastgroup == "name":
            piece = _variable(text, match, known, names)
        elif match.lastgroup == "blank":
            piece = " "
        parts.append(piece)
        columns.extend([position] * len(piece))
        position = match.end()
    source = "".join(parts)
    lead = len(source) - len(source.lstrip())
    return source.lstrip(), names, [*columns[lead:], len(text)]


def _variable(text: str, match: re.Match[str], known: Mapping[str, Function], names: list[str]) -> str:
    word = match[0]
    if word in _CHOICE:
        raise ExpressionError("no if and else here; write where(condition, yes, no)", match.start())
    if text[match.end() :].lstrip().startswith("("):
        if word not in known and word not in _WORDS:
            allowed = " ".join(sorted(known))
            raise ExpressionError(f"{word} is no function; there are {allowed}", match.start())
        return word
    if word in _WORDS:
        return f" {word} "
    if word in known:
        raise ExpressionError(f"{word} is a function; write {word}(...)", match.start())
    if word not in names:
        names.append(word)
    return f"v{names.index(word)}"


def _column(columns: Sequence[int], offset: int) -> int:
    return columns[max(0, min(offset, len(columns) - 1))]


def _rebuilt(node: ast.expr, known: Mapping[str, Function], columns: Sequence[int], depth: int) -> ast.expr:
    """The same tree made anew from allowed forms, every number a float."""
    column = _column(columns, node.col_offset)
    if depth > DEPTH_MAX:
        raise ExpressionError("is nested too deeply; split it into several derived tags", column)

    def down(child: ast.expr) -> ast.expr:
        return _rebuilt(child, known, columns, depth + 1)

    made: ast.expr | None = None
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            made = ast.Constant(_number(value, column))
        case ast.Name(id=name):
            made = ast.Name(name, ast.Load())
        case ast.BinOp(left, operator, right) if isinstance(operator, _BINARY):
            made = ast.BinOp(down(left), operator, down(right))
        case ast.UnaryOp(operator, operand) if isinstance(operator, _UNARY):
            made = ast.UnaryOp(operator, down(operand))
        case ast.BoolOp(operator, values):
            made = ast.BoolOp(operator, [down(v) for v in values])
        case ast.Compare(left, operators, comparators) if all(isinstance(o, _COMPARING) for o in operators):
            made = ast.Compare(down(left), operators, [down(c) for c in comparators])
        case ast.Call(ast.Name(id=name), arguments, []) if name in known:
            _check_count(name, known[name], len(arguments), column)
            made = ast.Call(ast.Name(name, ast.Load()), [down(a) for a in arguments], [])
    if made is None:
        raise ExpressionError("only numbers, tags, + - * / % **, comparisons, and or not, functions", column)
    return made


def _number(value: float, column: int) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ExpressionError("is too large a number", column)
    return number


def _check_count(name: str, function: Function, given: int, column: int) -> None:
    if not function.least <= given <= function.most:
        wanted = f"{function.least}" if function.least == function.most else f"{function.least} or more"
        raise ExpressionError(f"{name} takes {wanted} values, not {given}", column)


class _Lazy(ast.NodeTransformer):
    """`where` computes only the branch that is taken: it may guard a division by zero."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "where":
            return ast.IfExp(*node.args)
        return node


def _lambda(tree: ast.expr, count: int, known: Mapping[str, Function]) -> Callable[..., float]:
    arguments = ast.arguments(
        posonlyargs=[ast.arg(f"v{i}") for i in range(count)],
        args=[],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    module = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, _Lazy().visit(deepcopy(tree)))))
    scope = {"__builtins__": {}, **{name: function.call for name, function in known.items()}}
    code = builtins.compile(module, "<expression>", "eval")
    run: Callable[..., float] = eval(code, scope)  # noqa: S307 - the tree holds nothing but the forms above
    return run
