"""A formula (text) in; an expression that is evaluated on numpy arrays out, without eval.

The language is that of CUSTOM_SFH and GRID_EXCLUDE. From loosest to tightest:

    && ||                one level, left to right
    < <= > >= == !=      one level, left to right; values are 1 and 0
    + -
    * / %                % is the remainder of C's fmod
    ^                    left to right: 2^3^2 is 64
    - + !                signs and negation, so -2^2 is 4
    numbers, names, (...), function(...)

A function of one argument may stand without parentheses (`exp -t`); names are case-insensitive.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.errors import InputError

Operation = Callable[..., Any]

MAX_NESTING = 50  # parentheses in one another
SHOWN_TOKEN = 40  # and of one name or number in it
MAX_DEPTH = 200  # operations in one another, hence terms of a plain sum
EXCERPT = 110  # characters of a formula that a message shows


class ExpressionError(InputError):
    """A formula cannot be read; the message shows it with a caret under the fault.

    Parameters
    ----------
    what : str
        What is wrong.
    text : str
        The whole formula.
    position : int
        Index of the character at fault.
    key : str
        The key of the parameter file that holds it, if known.
    path : str, optional
        The parameter file.
    """

    def __init__(self, what: str, text: str, position: int, key: str = "", path: str | None = None):
        self.what, self.text, self.position = what, text, position
        shown, column = _excerpt(text, position)
        named = f"{key}: {what}" if key else what
        super().__init__(f"{named}\n    {shown}\n    {' ' * column}^", path)

    def of(self, key: str, path: str | None) -> ExpressionError:
        """The same error, with the key and the file that hold the formula."""
        return ExpressionError(self.what, self.text, self.position, key, path)


def _excerpt(text: str, position: int) -> tuple[str, int]:
    """What fits into a line of a formula around a character, and the column of the latter."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    if len(printable) <= EXCERPT:
        return printable, position
    start = max(0, min(position - EXCERPT // 2, len(printable) - EXCERPT))
    head, tail = "..." if start else "", "..." if start + EXCERPT < len(printable) else ""
    return head + printable[start : start + EXCERPT] + tail, len(head) + position - start


def shortened(text: str, most: int = SHOWN_TOKEN) -> str:
    """A text, by default a name or number of a formula, no longer than a message should have it."""
    return text if len(text) <= most else text[:most] + "..."


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    def evaluate(self, values: Mapping[str, Floats], memo: Memo | None) -> Any:
        return self.value


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def evaluate(self, values: Mapping[str, Floats], memo: Memo | None) -> Any:
        return values[self.name]


@dataclass(frozen=True)
class Call:
    """An operator or function on one or more operands."""

    operation: Operation
    operands: tuple[Node, ...]
    depth: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Variables of all operands."""
        return tuple(sorted({name for operand in self.operands for name in operand.names}))

    def evaluate(self, values: Mapping[str, Floats], memo: Memo | None) -> Any:
        inputs = [values[name] for name in self.names]
        if memo is not None and (known := memo.get(id(self))) is not None:
            before, result = known
            if all(a is b for a, b in zip(before, inputs, strict=True)):
                return result
        result = self.operation(*(operand.evaluate(values, memo) for operand in self.operands))
        if memo is not None and np.size(result) <= LARGEST_KEPT:
            memo[id(self)] = inputs, result
        return result


Node = Number | Name | Call

# values of the parts of a formula, each with the arrays it came from
Memo = dict[int, tuple[list[Floats], Any]]
# a part with more values than this is computed again
LARGEST_KEPT = 1 << 18


@dataclass(frozen=True)
class Expression:
    """A formula that has been read.

    Attributes
    ----------
    text : str
        The formula as it was written.
    names : frozenset of str
        The variables (lower case) that it uses.
    """

    text: str
    names: frozenset[str]
    root: Node

    def evaluate(self, values: Mapping[str, ArrayLike], memo: Memo | None = None) -> Floats:
        """The value of the formula.

        Parameters
        ----------
        values : mapping of str to array_like
            Value of each variable in `names` (keys in any case), of shapes that broadcast together. Each part
            of the formula is computed on the shape of its own variables only.
        memo : dict, optional
            Empty at first. Parts whose variables are the very same float64 arrays as in the last evaluation with
            this memo are not computed again.

        Returns
        -------
        ndarray
            float64, in the broadcast shape of the variables used (0-d for a constant formula); inf and NaN
            where the arithmetic gives them, without warnings.
        """
        arrays = {name.lower(): np.asarray(value, dtype=np.float64) for name, value in values.items()}
        with np.errstate(all="ignore"):
            return np.asarray(self.root.evaluate(arrays, memo), dtype=np.float64)


def parse_key(key: str, text: str, variables: Iterable[str], where: str | None) -> Expression:
    """Read the formula of a key; errors name it, and where it was written. See `parse`."""
    try:
        return parse(text, variables)
    except ExpressionError as error:
        raise error.of(key, where) from None


def parse(text: str, variables: Iterable[str]) -> Expression:
    """Read a formula.

    Parameters
    ----------
    text : str
        The formula.
    variables : iterable of str
        Names that it may use, in any case; they hide constants and functions of the same name.

    Returns
    -------
    Expression

    Raises
    ------
    ExpressionError
        If the formula is malformed or uses another name.
    """
    return _Parser(text, variables).parse()


def _truth(operation: Operation) -> Operation:
    """A comparison or logical ufunc with the values 1 and 0."""
    return lambda *operands: np.asarray(operation(*operands), dtype=np.float64)


def _reduced(operation: Operation) -> Operation:
    """A binary ufunc on two or more operands."""

    def chained(first: Any, *others: Any) -> Any:
        for other in others:
            first = operation(first, other)
        return first

    return chained


@dataclass(frozen=True)
class _Function:
    operation: Operation
    least: int = 1
    most: int | None = 1  # None: any number


CONSTANTS = {"pi": math.pi, "e": math.e}

FUNCTIONS: dict[str, _Function] = {
    "abs": _Function(np.abs),
    "acos": _Function(np.arccos),
    "asin": _Function(np.arcsin),
    "atan": _Function(np.arctan),
    "atan2": _Function(np.arctan2, 2, 2),
    "ceil": _Function(np.ceil),
    "cos": _Function(np.cos),
    "cosh": _Function(np.cosh),
    "exp": _Function(np.exp),
    "floor": _Function(np.floor),
    "ln": _Function(np.log),
    "log": _Function(np.log),
    "log10": _Function(np.log10),
    "max": _Function(_reduced(np.maximum), 2, None),
    "min": _Function(_reduced(np.minimum), 2, None),
    "pow": _Function(np.power, 2, 2),
    "sin": _Function(np.sin),
    "sinh": _Function(np.sinh),
    "sqrt": _Function(np.sqrt),
    "step": _Function(_truth(lambda x: np.greater_equal(x, 0.0))),
    "tan": _Function(np.tan),
    "tanh": _Function(np.tanh),
}

SIGNS: dict[str, Operation] = {"-": np.negative, "+": np.positive, "!": _truth(np.logical_not)}

LEVELS: tuple[dict[str, Operation], ...] = (
    {"&&": _truth(np.logical_and), "||": _truth(np.logical_or)},
    {
        "<": _truth(np.less),
        "<=": _truth(np.less_equal),
        ">": _truth(np.greater),
        ">=": _truth(np.greater_equal),
        "==": _truth(np.equal),
        "!=": _truth(np.not_equal),
    },
    {"+": np.add, "-": np.subtract},
    {"*": np.multiply, "/": np.divide, "%": np.fmod},
    {"^": np.power},
)

LEVEL_OF = {symbol: level for level, operators in enumerate(LEVELS) for symbol in operators}

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<symbol>&&|\|\||<=|>=|==|!=|[-+*/%^<>!(),])"
    r"|(?P<end>$)"
    r"|(?P<unknown>\S))"
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    """Precedence climbing over the tokens of one formula."""

    def __init__(self, text: str, variables: Iterable[str]):
        self.text = text
        self.variables = {name.lower() for name in variables}
        self.used: set[str] = set()
        self.tokens = self._tokenize()
        self.current = 0
        self.open_levels = 0

    def parse(self) -> Expression:
        if self._next.kind == "end":
            raise self._error("the formula is empty")
        root = self._binary(0)
        if self._next.text == ")":
            raise self._error("this ')' closes nothing")
        if self._next.kind != "end":
            raise self._error(f"an operator is missing before '{shortened(self._next.text)}'")
        return Expression(self.text, frozenset(self.used), root)

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while not tokens or tokens[-1].kind != "end":
            match = _TOKEN.match(self.text, position)
            assert match is not None, "every character belongs to a token"
            kind = str(match.lastgroup)
            token = _Token(kind, match[kind], match.start(kind))
            if token.kind == "unknown":
                raise self._error(f"'{shortened(token.text)}' is not part of the formula language", token)
            tokens.append(token)
            position = match.end()
        return tokens

    @property
    def _next(self) -> _Token:
        return self.tokens[self.current]

    def _take(self) -> _Token:
        token = self._next
        self.current += token.kind != "end"
        return token

    def _error(self, what: str, token: _Token | None = None) -> ExpressionError:
        return ExpressionError(what, self.text, (token or self._next).position)

    def _binary(self, lowest: int) -> Node:
        """Operands joined by operators of the level `lowest` and tighter, each level from left to right."""
        node = self._signed()
        while self._next.kind == "symbol" and LEVEL_OF.get(self._next.text, -1) >= lowest:
            token = self._take()
            level = LEVEL_OF[token.text]
            node = self._call(LEVELS[level][token.text], (node, self._binary(level + 1)), token)
        return node

    def _signed(self) -> Node:
        signs = []
        while self._next.kind == "symbol" and self._next.text in SIGNS:
            signs.append(self._take())
        node = self._operand()
        for sign in reversed(signs):
            node = self._call(SIGNS[sign.text], (node,), sign)
        return node

    def _operand(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            return self._enclosed(token)[0]
        results = f"not '{shortened(token.text)}'" if token.text else "but the formula ends"
        raise self._error(f"a number, a name or '(' is expected here, {results}", token)

    def _named(self, token: _Token) -> Node:
        name = token.text.lower()
        if name in self.variables:
            self.used.add(name)
            return Name(name)
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        if name in FUNCTIONS:
            return self._function(token, FUNCTIONS[name])
        known = sorted(self.variables | CONSTANTS.keys() | FUNCTIONS.keys())
        near = get_close_matches(name[:SHOWN_TOKEN], known, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"known variables: {_listed(self.variables)}"
        raise self._error(f"unknown name '{shortened(token.text)}': {advice}", token)

    def _function(self, token: _Token, function: _Function) -> Node:
        if self._next.text == "(":
            arguments = self._enclosed(self._take(), several=True)
        elif function.least == 1:
            arguments = [self._nested(self._signed, token)]
        else:
            raise self._error(f"'(' is expected after the function '{shortened(token.text)}'")
        if len(arguments) < function.least or (function.most and len(arguments) > function.most):
            expected_count = f"{function.least} or more" if function.most is None else f"{function.least}"
            what = f"the function '{shortened(token.text)}' takes {expected_count} argument(s), not {len(arguments)}"
            raise self._error(what, token)
        return self._call(function.operation, tuple(arguments), token)

    def _enclosed(self, opening: _Token, several: bool = False) -> list[Node]:
        """What stands between a parenthesis that was just taken and its counterpart."""
        if several and self._next.text == ")":
            self._take()
            return []
        nodes = [self._nested(lambda: self._binary(0), opening)]
        while several and self._next.text == ",":
            self._take()
            nodes.append(self._nested(lambda: self._binary(0), opening))
        if self._next.kind == "end":
            raise self._error("this '(' is never closed", opening)
        if self._next.text != ")":
            expected = "',' or ')'" if several else "an operator or ')'"
            raise self._error(f"{expected} is expected here, not '{shortened(self._next.text)}'")
        self._take()
        return nodes

    def _nested(self, read: Callable[[], Node], token: _Token) -> Node:
        self.open_levels += 1
        if self.open_levels > MAX_NESTING:
            raise self._error(f"more than {MAX_NESTING} nested parentheses", token)
        node = read()
        self.open_levels -= 1
        return node

    def _call(self, operation: Operation, operands: tuple[Node, ...], token: _Token) -> Node:
        """A node, or its value where all operands are constants."""
        depth = 1 + max(operand.depth if isinstance(operand, Call) else 0 for operand in operands)
        if depth > MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} operations in one another", token)
        if not all(isinstance(operand, Number) for operand in operands):
            return Call(operation, operands, depth)
        with np.errstate(all="ignore"):
            return Number(float(operation(*(np.float64(o.value) for o in operands if isinstance(o, Number)))))


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
