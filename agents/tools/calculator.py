"""Arithmetic, which models get wrong: read with Python's parser, computed here node by node, nothing else understood."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from decimal import DecimalException
from fractions import Fraction
from typing import NamedTuple

from agents.tools import numbers
from agents.tools.numbers import CannotCompute, Number
from agents.tools.tool import ToolError, tool

MAX_CHARACTERS = 1000
MAX_NESTING = 100
MAX_ARGUMENTS = 400
SPELLINGS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "\n": " ", "\t": " "})
MODULE = re.compile(r"\bmath\.")


class Function(NamedTuple):
    """What can be called in an expression, with how many arguments."""

    compute: Callable[..., Number]
    least: int = 1
    most: int = 1


def _total(*terms: Number) -> Number:
    return Number(sum((term.value for term in terms), Fraction(0)), all(term.is_exact for term in terms))


def _negative(number: Number) -> Number:
    return number._replace(value=-number.value)


def _mean(*terms: Number) -> Number:
    return Number(_total(*terms).value / len(terms), all(term.is_exact for term in terms))


def _turned(factor: Fraction) -> Callable[[Number], Number]:
    return lambda number: Number(number.value * factor, is_exact=False)


DEGREE = Fraction(numbers.PI) / 180
CONSTANTS = {
    "pi": numbers.approximate(numbers.PI),
    "tau": numbers.approximate(numbers.PI * 2),
    "e": numbers.approximate(numbers.E),
}
FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(lambda number: Number(abs(number.value), number.is_exact)),
    "floor": Function(numbers.floor),
    "ceil": Function(lambda number: _negative(numbers.floor(_negative(number)))),
    "round": Function(numbers.rounded, 1, 2),
    "min": Function(lambda *given: min(given), 1, MAX_ARGUMENTS),
    "max": Function(lambda *given: max(given), 1, MAX_ARGUMENTS),
    "sum": Function(_total, 1, MAX_ARGUMENTS),
    "mean": Function(_mean, 1, MAX_ARGUMENTS),
    "sqrt": Function(numbers.square_root),
    "exp": Function(numbers.exponential),
    "ln": Function(numbers.logarithm),
    "log": Function(numbers.logarithm, 1, 2),
    "log2": Function(lambda number: numbers.logarithm(number, Number(Fraction(2)))),
    "log10": Function(lambda number: numbers.logarithm(number, Number(Fraction(10)))),
    "factorial": Function(numbers.factorial),
    "sin": Function(numbers.trigonometric(math.sin)),
    "cos": Function(numbers.trigonometric(math.cos)),
    "tan": Function(numbers.tangent),
    "asin": Function(numbers.trigonometric(math.asin)),
    "acos": Function(numbers.trigonometric(math.acos)),
    "atan": Function(numbers.trigonometric(math.atan)),
    "degrees": Function(_turned(1 / DEGREE)),
    "radians": Function(_turned(DEGREE)),
}
ARITHMETIC: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@tool(effect="pure", timeout_seconds=2)
def calculator(expression: str) -> str:
    """Compute an arithmetic expression exactly.

    It knows + - * / // % ** and parentheses, pi and e, and the functions abs, round, floor, ceil, min, max, sum, mean,
    sqrt, exp, ln, log(x, base), log2, log10, factorial, sin, cos, tan, asin, acos, atan, degrees and radians.

    Args:
        expression: The expression, such as (1200 * 1.19 - 80) / 12. Numbers without separators of thousands.
    """
    text = MODULE.sub("", expression.translate(SPELLINGS)).strip()
    if len(text) > MAX_CHARACTERS:
        raise ToolError(f"The expression is longer than {MAX_CHARACTERS} characters; compute it in parts.")
    try:
        return numbers.shown(_value(text, _parsed(text)))
    except ZeroDivisionError as error:
        raise ToolError("This divides by zero.") from error
    except CannotCompute as error:
        raise ToolError(f"This cannot be computed: {error}.") from error
    except (DecimalException, OverflowError) as error:
        raise ToolError("This cannot be computed: a number on the way is too large or too small.") from error


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ToolError(
            "This is no arithmetic expression; write it like (1200 * 1.19 - 80) / 12, with * for times and x / 100 for percent."
        ) from error


def _value(text: str, node: ast.expr, nesting: int = 0) -> Number:
    """The value of one node, its parts first. A chain such as 1 + 2 + 3 nests to the left and is unwound, not recursed."""
    if nesting > MAX_NESTING:
        raise ToolError("The expression is nested too deeply; compute it in parts.")
    chain: list[ast.BinOp] = []
    while isinstance(node, ast.BinOp):
        chain.append(node)
        node = node.left
    value = _single(text, node, nesting)
    for operation in reversed(chain):
        value = _combined(operation.op, value, _value(text, operation.right, nesting + 1))
    return value


def _single(text: str, node: ast.expr, nesting: int) -> Number:
    match node:
        case ast.Constant(value=bool() | str() | bytes() | complex() | None):
            raise ToolError("An expression holds numbers alone.")
        case ast.Constant(value=int(value)):
            return numbers.bounded(Number(Fraction(value)))
        case ast.Constant(value=float()):
            # The literal itself: 0.1 is a tenth here, not the binary number next to it.
            return numbers.exact(ast.get_source_segment(text, node) or "")
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign):
            number = _value(text, node.operand, nesting + 1)
            return _negative(number) if isinstance(sign, ast.USub) else number
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.Name(id=name):
            raise ToolError(f"There is no constant {name[:64]!r}; there are: {', '.join(CONSTANTS)}.")
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return _called(name, [_value(text, argument, nesting + 1) for argument in node.args])
        case ast.Tuple():
            raise ToolError("Write numbers without separators of thousands, and with a point before the decimals.")
        case _:
            raise ToolError("Only numbers, + - * / // % **, parentheses and functions such as sqrt(x) can be used.")


def _called(name: str, arguments: list[Number]) -> Number:
    function = FUNCTIONS.get(name)
    if function is None:
        raise ToolError(f"There is no function {name[:64]!r}; there are: {', '.join(FUNCTIONS)}.")
    if not function.least <= len(arguments) <= function.most:
        most = f" to {function.most}" if function.most > function.least else ""
        raise ToolError(f"{name} takes {function.least}{most} numbers, not {len(arguments)}.")
    return numbers.bounded(function.compute(*arguments))


def _combined(kind: ast.operator, left: Number, right: Number) -> Number:
    match kind:
        case ast.Pow():
            return numbers.power(left, right)
        case ast.FloorDiv():
            return numbers.floor(_combined(ast.Div(), left, right))
        case ast.Mod():
            whole = _combined(ast.FloorDiv(), left, right)
            return _combined(ast.Sub(), left, _combined(ast.Mult(), whole, right))
        case ast.BitXor():
            raise ToolError("Write powers with **, not ^.")
        case _ if type(kind) not in ARITHMETIC:
            raise ToolError("Only the operators + - * / // % ** can be used.")
    result = ARITHMETIC[type(kind)](left.value, right.value)
    return numbers.bounded(Number(result, left.is_exact and right.is_exact))
