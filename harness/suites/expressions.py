"""Small arithmetic in suite files, worked out by walking a syntax tree: never by running it as Python.

    >>> Expression("a * (b + 1)").value({"a": 3, "b": 4})
    15
    >>> Expression("row[1]").value({"row": ("France", "Paris")})
    'Paris'

Whole numbers, exact fractions, text and lists; `+ - * / // % **`, comparisons, `and or not`, `x if c else
y`, a constant index, and the functions below. Every intermediate result is bounded.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias

Value: TypeAlias = "int | Fraction | str | bool | tuple[Value, ...]"

SOURCE_LIMIT = 300
NODE_LIMIT = 100
NUMBER_LIMIT = 10**15
TEXT_LIMIT = 2_000


class ExpressionError(ValueError):
    """An expression that cannot be read, or has no value for these variables."""


def _bounded(value: Value) -> Value:
    """Return the value, a whole fraction as a whole number.

    Raises:
        ExpressionError: it is too large.
    """
    if isinstance(value, Fraction):
        if value.denominator > NUMBER_LIMIT or abs(value) > NUMBER_LIMIT:
            raise ExpressionError("gives too large a number")
        return int(value) if value.denominator == 1 else value
    if isinstance(value, int) and abs(value) > NUMBER_LIMIT:
        raise ExpressionError("gives too large a number")
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        raise ExpressionError("gives too long a text")
    return value


def _number(value: Value) -> int | Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise ExpressionError(f"needs a number where it has {value!r}")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"needs a text where it has {value!r}")
    return value


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _number(left) + _number(right)


def _divide(left: Value, right: Value) -> Value:
    return Fraction(_number(left)) / _number(right)


def _power(left: Value, right: Value) -> Value:
    base, exponent = _number(left), _number(right)
    if not isinstance(exponent, int) or not 0 <= exponent <= 50:
        raise ExpressionError("needs a whole exponent from 0 to 50")
    result: int | Fraction = 1
    for _ in range(exponent):
        result *= base
        _bounded(result)
    return result


_BINARY: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: _add,
    ast.Sub: lambda left, right: _number(left) - _number(right),
    ast.Mult: lambda left, right: _number(left) * _number(right),
    ast.Div: _divide,
    ast.FloorDiv: lambda left, right: _number(left) // _number(right),
    ast.Mod: lambda left, right: _number(left) % _number(right),
    ast.Pow: _power,
}
_ORDER: Mapping[type[ast.cmpop], Callable[[int | Fraction, int | Fraction], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "abs": lambda value: abs(_number(value)),
    "min": lambda *values: min(_number(value) for value in values),
    "max": lambda *values: max(_number(value) for value in values),
    "len": lambda value: len(value) if isinstance(value, str | tuple) else len(_text(value)),
    "lower": lambda value: _text(value).lower(),
    "upper": lambda value: _text(value).upper(),
    "reverse": lambda value: _text(value)[::-1],
}
_NODES = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Name, ast.Constant, ast.Subscript,
    ast.Call,
)  # fmt: skip


class Expression:
    """A parsed expression. `names` are the variables it needs."""

    __slots__ = ("_root", "names", "source")

    def __init__(self, source: str) -> None:
        """Parse an expression.

        Raises:
            ExpressionError: it is too long, no expression, or uses what is not allowed.
        """
        self.source = source.strip()
        if len(source) > SOURCE_LIMIT:
            raise ExpressionError(f"is longer than {SOURCE_LIMIT} characters")
        try:
            self._root: ast.expr = ast.parse(self.source, mode="eval").body
            nodes = list(ast.walk(self._root))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ExpressionError("is not an expression") from None
        if len(nodes) > NODE_LIMIT:
            raise ExpressionError("is too complicated")
        functions = set()
        for node in nodes:
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else "?"
                if name not in FUNCTIONS or node.keywords:
                    raise ExpressionError(f"calls {name}; allowed are {', '.join(FUNCTIONS)}")
                functions.add(node.func)
            elif isinstance(node, ast.Constant):
                if not isinstance(node.value, int | str):
                    raise ExpressionError(f"holds {node.value!r}; only whole numbers and texts are allowed")
                _bounded(node.value)
            elif isinstance(node, ast.expr) and not isinstance(node, _NODES):
                raise ExpressionError(f"uses {type(node).__name__}, which is not allowed")
            elif isinstance(node, ast.operator) and type(node) not in _BINARY:
                raise ExpressionError(f"uses the operator {type(node).__name__}, which is not allowed")
        self.names = frozenset(
            node.id for node in nodes if isinstance(node, ast.Name) and node not in functions
        )

    def value(self, variables: Mapping[str, Value]) -> Value:
        """Return the expression's value.

        Raises:
            ExpressionError: it has none for these variables.
        """
        try:
            return self._walk(self._root, variables)
        except ZeroDivisionError:
            raise ExpressionError("divides by zero") from None
        except (TypeError, RecursionError):
            raise ExpressionError("cannot be worked out") from None

    def _walk(self, node: ast.expr, variables: Mapping[str, Value]) -> Value:
        match node:
            case ast.Constant(value=int() | str() as value):
                return value
            case ast.Name(id=name):
                if name not in variables:
                    raise ExpressionError(f"names {name}, which is not drawn")
                return variables[name]
            case ast.BinOp(left=left, op=op, right=right):
                return _bounded(_BINARY[type(op)](self._walk(left, variables), self._walk(right, variables)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -_number(self._walk(operand, variables))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._walk(operand, variables)
            case ast.BoolOp(op=op, values=values):
                # Lazily, so that `b != 0 and a % b == 0` has a value when b is 0.
                settled = isinstance(op, ast.Or)
                return any(bool(self._walk(value, variables)) == settled for value in values) == settled
            case ast.Compare(left=left, ops=ops, comparators=rights):
                return self._compare(left, ops, rights, variables)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._walk(body if self._walk(test, variables) else orelse, variables)
            case ast.Subscript(value=value, slice=ast.Constant(value=int() as index)):
                whole = self._walk(value, variables)
                if not isinstance(whole, tuple | str) or not 0 <= index < len(whole):
                    raise ExpressionError(f"takes item {index} of {whole!r}")
                return whole[index]
            case ast.Call(func=ast.Name(id=name), args=args):
                return _bounded(FUNCTIONS[name](*(self._walk(arg, variables) for arg in args)))
            case _:
                raise ExpressionError(f"uses {type(node).__name__}, which is not allowed")

    def _compare(
        self, left: ast.expr, ops: list[ast.cmpop], rights: list[ast.expr], variables: Mapping[str, Value]
    ) -> bool:
        here = self._walk(left, variables)
        for op, right in zip(ops, rights, strict=True):
            there = self._walk(right, variables)
            if isinstance(op, ast.Eq | ast.NotEq):
                holds = (here == there) == isinstance(op, ast.Eq)
            elif type(op) in _ORDER:
                holds = _ORDER[type(op)](_number(here), _number(there))
            else:
                raise ExpressionError(f"compares with {type(op).__name__}, which is not allowed")
            if not holds:
                return False
            here = there
        return True


def shown(value: Value) -> str:
    """Return a value as a probe's text shows it.

    Raises:
        ExpressionError: it is a list, or a number with endless decimals.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, Fraction):
        scaled = value * 10**9
        if scaled.denominator != 1:
            raise ExpressionError(f"gives {value}, which has no short decimal form")
        sign, digits = "-" if scaled < 0 else "", f"{abs(int(scaled)):010d}"
        return f"{sign}{digits[:-9]}.{digits[-9:]}".rstrip("0")
    raise ExpressionError("gives a list; take one item of it, such as row[0]")
