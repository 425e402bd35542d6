"""Numbers that are exact as long as they can be, and bounded: no operation here takes longer than a millisecond."""

import math
from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, Underflow
from fractions import Fraction
from typing import NamedTuple

MAX_BITS = 4096
MAX_DIGITS = 1232
MAX_FACTORIAL = 500
MAX_ROUNDING_PLACES = 100
PRECISION_DIGITS = 34
SHOWN_DIGITS = 12
MAX_SHOWN_PLACES = 20
MAX_SHOWN_FRACTION = 10**12
TRIGONOMETRY_PLACES = 15
"""Floating point has no more; cut there, sin(pi) is 0."""
LOST_DIGITS = Fraction(1, 10**13)

PI = Decimal("3.141592653589793238462643383279502884197")
E = Decimal("2.718281828459045235360287471352662497757")


class CannotCompute(ArithmeticError):
    """There is no result, or none within bounds. The message says why, for a reader who knows arithmetic."""


class Number(NamedTuple):
    """A real number: the value itself, or a value close to it (34 digits; trigonometry 15)."""

    value: Fraction
    is_exact: bool = True


ZERO = Number(Fraction(0))


def exact(text: str) -> Number:
    """The number that a decimal literal writes, such as 0.1 or 1.5e-3."""
    decimal = Decimal(text)
    if abs(decimal.adjusted()) > MAX_DIGITS:
        raise _too_large()
    return bounded(Number(Fraction(decimal)))


def approximate(value: Decimal | float) -> Number:
    """A number that is close to the true one."""
    return bounded(Number(Fraction(value), is_exact=False))


def bounded(number: Number) -> Number:
    """The number, cut to the precision it has; a fraction too long to go on with becomes approximate.

    Raises CannotCompute, or a DecimalException, when the number is too large.
    """
    if number.is_exact and _bits(number.value) <= MAX_BITS:
        return number
    if number.is_exact and number.value.denominator == 1:
        raise _too_large()
    return Number(Fraction(_decimal(number)), is_exact=False)


def floor(number: Number) -> Number:
    """The whole number at or below. What differs from a whole number only by lost digits counts as that number."""
    nearest = round(number.value)
    is_whole = not number.is_exact and abs(number.value - nearest) <= LOST_DIGITS * max(1, abs(nearest))
    return Number(Fraction(nearest if is_whole else math.floor(number.value)))


def power(base: Number, exponent: Number) -> Number:
    """The base raised to the exponent, exact where both are and the result is rational. Raises CannotCompute."""
    if exponent.value.denominator == 1:
        return _whole_power(base, exponent)
    if base.value < 0:
        raise CannotCompute("a negative number has no real power with a fractional exponent")
    if exponent.is_exact and exponent.value.denominator == 2:
        return _whole_power(square_root(base), Number(Fraction(exponent.value.numerator)))
    context = _context()
    return _measured(context, context.power(_decimal(base), _decimal(exponent)), base, exponent)


def square_root(number: Number) -> Number:
    """The root, exact for squares of rational numbers. Raises CannotCompute."""
    if number.value < 0:
        raise CannotCompute("a negative number has no real square root")
    roots = [math.isqrt(part) for part in number.value.as_integer_ratio()]
    if Fraction(roots[0] ** 2, roots[1] ** 2) == number.value:
        return Number(Fraction(roots[0], roots[1]), number.is_exact)
    return approximate(_context().sqrt(_decimal(number)))


def exponential(number: Number) -> Number:
    """The number e raised to this."""
    context = _context()
    return _measured(context, context.exp(_decimal(number)), number)


def logarithm(number: Number, base: Number | None = None) -> Number:
    """The logarithm to a base, else the natural one; exact for whole powers of the base. Raises CannotCompute."""
    if number.value <= 0 or (base and (base.value <= 0 or base.value == 1)):
        raise CannotCompute("logarithms are of positive numbers, to a positive base that is not 1")
    context = _context()
    if base is None:
        return _measured(context, context.ln(_decimal(number)), number)
    ratio = context.divide(context.ln(_decimal(number)), context.ln(_decimal(base)))
    whole = Number(Fraction(round(ratio)))
    if number.is_exact and base.is_exact and _whole_power(base, whole).value == number.value:
        return whole
    return approximate(ratio)


def trigonometric(function: Callable[[float], float]) -> Callable[[Number], Number]:
    """A function of the math module, in radians, as one of numbers."""

    def computed(number: Number) -> Number:
        try:
            return approximate(round(function(float(number.value)), TRIGONOMETRY_PLACES))
        except ValueError as error:
            raise CannotCompute(f"{function.__name__} is not defined for this number") from error

    return computed


def tangent(number: Number) -> Number:
    """The tangent in radians. Raises CannotCompute where it has none."""
    if abs(math.cos(float(number.value))) < 10**-TRIGONOMETRY_PLACES:
        raise CannotCompute("tan is not defined for this number")
    return trigonometric(math.tan)(number)


def factorial(number: Number) -> Number:
    """The factorial. Raises CannotCompute."""
    if number.value.denominator != 1 or not 0 <= number.value <= MAX_FACTORIAL:
        raise CannotCompute(f"factorials are of whole numbers from 0 to {MAX_FACTORIAL}")
    return Number(Fraction(math.factorial(int(number.value))), number.is_exact)


def rounded(number: Number, places: Number = ZERO) -> Number:
    """Rounded to decimal places, halves away from zero, as on a bill. Raises CannotCompute."""
    if places.value.denominator != 1 or abs(places.value) > MAX_ROUNDING_PLACES:
        raise CannotCompute(f"round takes a whole number of places, {MAX_ROUNDING_PLACES} at most")
    unit = Fraction(10) ** int(places.value)
    magnitude = Fraction(math.floor(abs(number.value) * unit + Fraction(1, 2))) / unit
    return bounded(Number(magnitude if number.value >= 0 else -magnitude))


def shown(number: Number) -> str:
    """As people write it: 0.3, 1/3 ≈ 0.333333333333, ≈ 1.41421356237."""
    if not number.is_exact:
        return f"≈ {_plain(number)}"
    numerator, denominator = number.value.as_integer_ratio()
    places = next((n for n in range(MAX_SHOWN_PLACES + 1) if 10**n % denominator == 0), None)
    if places == 0:
        return str(numerator)
    if places:
        whole, rest = divmod(abs(numerator) * 10**places // denominator, 10**places)
        return f"{'-' if numerator < 0 else ''}{whole}.{rest:0{places}d}"
    if max(abs(numerator), denominator) > MAX_SHOWN_FRACTION:
        return f"≈ {_plain(number)}"
    return f"{numerator}/{denominator} ≈ {_plain(number)}"


def _whole_power(base: Number, exponent: Number) -> Number:
    value, times = base.value, int(exponent.value)
    if value == 0 and times < 0:
        raise CannotCompute("0 has no negative power")
    # The result has more bits than this; a base of 1, 0 or -1 stays as small as it is.
    if (_bits(value) - 1) * abs(times) > MAX_BITS:
        if value.denominator == 1 and base.is_exact:
            raise _too_large()
        return approximate(_context().power(_decimal(base), times))
    return bounded(Number(value**times, base.is_exact and exponent.is_exact))


def _measured(context: Context, result: Decimal, *inputs: Number) -> Number:
    """The result, exact when nothing was lost on the way to it."""
    is_exact = not context.flags[Inexact] and all(number.is_exact and _is_decimal(number) for number in inputs)
    return bounded(Number(Fraction(result), is_exact))


def _bits(value: Fraction) -> int:
    return max(part.bit_length() for part in value.as_integer_ratio())


def _is_decimal(number: Number) -> bool:
    return Fraction(_decimal(number)) == number.value


def _decimal(number: Number) -> Decimal:
    numerator, denominator = number.value.as_integer_ratio()
    return _context().divide(Decimal(numerator), Decimal(denominator))


def _context() -> Context:
    return Context(
        prec=PRECISION_DIGITS,
        Emax=MAX_DIGITS,
        Emin=-MAX_DIGITS,
        traps=[InvalidOperation, DivisionByZero, Overflow, Underflow],
    )


def _plain(number: Number) -> str:
    """The digits that are known, twelve or, of an exact number, all of the whole part and two more."""
    decimal = _decimal(number)
    digits = min(max(SHOWN_DIGITS, decimal.adjusted() + 3 if number.is_exact else 0), PRECISION_DIGITS)
    short = Context(prec=digits).plus(decimal).normalize()
    return format(short, "f") if -7 <= short.adjusted() < digits else format(short, "e")


def _too_large() -> CannotCompute:
    return CannotCompute(f"the numbers grow too large, beyond {MAX_DIGITS} digits")
