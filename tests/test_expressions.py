"""The formula language: precedence, functions, arrays, faults, and random formulas against plain Python."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.expressions import ExpressionError, parse


def value(text, **variables):
    return parse(text, variables).evaluate(variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2^3^2", 64),
        ("-2^2", 4),
        ("2^-2", 0.25),
        ("2-3-4", -5),
        ("2+3*4^2/8", 8),
        ("(2+3)*4", 20),
        ("12/2/3", 2),
        ("7%4*2", 6),
        ("-7%4", -3),
        ("7.5%-2", 1.5),
        ("--3", 3),
        ("-+3", -3),
        ("2*-3", -6),
        (".5e1 + 1.", 6),
        ("1E-3", 0.001),
        ("1<2", 1),
        ("2<=1", 0),
        ("2>=2", 1),
        ("3>2>1", 0),
        ("1+1==2", 1),
        ("1!=1", 0),
        ("3>2==1", 1),
        ("1<2&&2<1", 0),
        ("0||3", 1),
        ("1||0&&0", 0),  # one level for both: (1||0)&&0
        ("0&&0||1", 1),
        ("2&&3", 1),
        ("!0+1", 2),
        ("!3", 0),
        ("!!3", 1),
        ("!2^0", 1),
        ("1 < 2 + 5", 1),
        ("pi", math.pi),
        ("PI*2", 2 * math.pi),
        ("e", math.e),
        ("abs(-3)", 3),
        ("acos(0.5)", math.acos(0.5)),
        ("asin(0.5)", math.asin(0.5)),
        ("atan(2)", math.atan(2)),
        ("atan2(1,-2)", math.atan2(1, -2)),
        ("ceil(1.2)", 2),
        ("floor(-1.2)", -2),
        ("cos(1)+sin(1)+tan(1)", math.cos(1) + math.sin(1) + math.tan(1)),
        ("cosh(1)+sinh(1)+tanh(1)", math.cosh(1) + math.sinh(1) + math.tanh(1)),
        ("exp(2)", math.exp(2)),
        ("log(10)", math.log(10)),
        ("ln(10)", math.log(10)),
        ("log10(1000)", 3),
        ("pow(2, 10)", 1024),
        ("sqrt(2)", math.sqrt(2)),
        ("min(3, 1, 2)", 1),
        ("max(3, 1)", 3),
        ("step(0)", 1),
        ("step(-0.1)", 0),
        ("STEP(5)", 1),
        ("exp -1*2", 2 * math.exp(-1)),
        ("1/0", math.inf),
        ("log(0)", -math.inf),
    ],
)
def test_constant_formulas(text, expected):
    result = value(text)
    assert result.dtype == np.float64
    assert result.shape == ()
    assert result == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("text", ["0/0", "sqrt(-1)", "log(-1)", "5%0"])
def test_no_number(text):
    assert np.isnan(value(text))


def test_names():
    expression = parse("T/10^Log_Tau + e", ["t", "LOG_TAU", "unused"])
    assert expression.names == {"t", "log_tau"}
    assert expression.evaluate({"T": 100.0, "log_tau": 1}) == pytest.approx(10 + math.e)


def test_variables_hide_constants_and_functions():
    assert value("e + step", e=1.0, step=2.0) == 3


def test_broadcasting():
    t, tau = np.arange(5.0), np.array([[1.0], [2.0]])
    result = value("(t/tau)*exp(-t/tau)", t=t, tau=tau)
    np.testing.assert_allclose(result, t / tau * np.exp(-t / tau))
    assert value("tau*2", t=t, tau=tau).shape == (2, 1)


def test_parts_keep_their_own_shape(monkeypatch):
    seen = []

    class Watched(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            plain = [np.asarray(i) for i in inputs]
            result = getattr(ufunc, method)(*plain, **kwargs)
            seen.append((ufunc.__name__, np.shape(result)))
            return np.asarray(result).view(Watched)

    expression = parse("t * 10^tau", ["t", "tau"])
    expression.root.evaluate({"t": np.ones(4).view(Watched), "tau": np.ones((3, 1)).view(Watched)}, None)
    assert seen == [("power", (3, 1)), ("multiply", (3, 4))]


def test_comparisons_of_integers_and_booleans_are_floats():
    result = value("(a > 1) * 2 - (a == 3)", a=np.array([1, 2, 3]))
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [0, 2, 1])


def test_formula_of_the_manual():
    text = (
        "((t > 10^ltburst)*exp(-(t - 10^ltburst)/10^ltrise)"
        " + (t < 10^ltburst)*exp((t - 10^ltburst)/10^ltdecl))*10^(lrsfr*(t < 10^ltfree))"
    )
    t = np.linspace(0, 2e9, 7)
    got = value(text, t=t, ltburst=8.8, ltrise=9.0, ltdecl=9.3, lrsfr=-1.5, ltfree=8.5)
    x = (t - 10**8.8) / 10 ** np.where(t > 10**8.8, 9.0, 9.3)
    expected = np.exp(-np.abs(x)) * np.where(t < 10**8.5, 10**-1.5, 1.0)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_missing_value():
    with pytest.raises(KeyError):
        parse("t", ["t"]).evaluate({})


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "empty"),
        ("   ", 3, "empty"),
        ("2 +", 3, "the formula ends"),
        ("* 2", 0, "not '*'"),
        ("2 ** 3", 3, "not '*'"),
        ("(2 + t", 0, "never closed"),
        ("exp(t", 3, "never closed"),
        ("2 + t)", 5, "closes nothing"),
        ("2 t", 2, "operator is missing before 't'"),
        ("t 2", 2, "operator is missing before '2'"),
        ("1 + log_taw", 4, "did you mean 'log_tau'"),
        ("1 + qqq", 4, "known variables: log_tau, t"),
        ("sqrtt(2)", 0, "did you mean 'sqrt'"),
        ("pow(2)", 0, "takes 2 argument(s), not 1"),
        ("3 + exp(1, 2)", 4, "takes 1 argument(s), not 2"),
        ("max(1)", 0, "takes 2 or more argument(s), not 1"),
        ("exp()", 0, "takes 1 argument(s), not 0"),
        ("min", 3, "'(' is expected after"),
        ("exp", 3, "the formula ends"),
        ("(1, 2)", 2, "not ','"),
        ("max(1 2)", 6, "',' or ')'"),
        ("t $ 2", 2, "'$' is not part"),
        ("t = 2", 2, "'=' is not part"),
        ("t & 1", 2, "'&' is not part"),
        ("1e", 1, "operator is missing before 'e'"),
        ("__import__('os')", 11, "is not part"),
        ("__import__(2)", 0, "unknown name"),
        ("t.real", 1, "'.' is not part"),
    ],
)
def test_faults(text, position, message):
    with pytest.raises(ExpressionError) as error:
        parse(text, ["t", "log_tau"])
    assert message in error.value.what
    assert error.value.position == position
    first, shown, caret = str(error.value).split("\n")
    assert first == error.value.what
    assert shown == "    " + text
    assert caret == " " * (4 + position) + "^"
    assert isinstance(error.value, InputError)


def test_caret_stays_below_the_fault_in_a_formula_with_tabs_and_lines():
    with pytest.raises(ExpressionError) as error:
        parse("1\t+\n$", [])
    assert str(error.value).split("\n")[1:] == ["    1 + $", "        ^"]


@pytest.mark.parametrize(
    "text", ["(" * 60 + "1" + ")" * 60, "exp " * 60 + "1", "-" * 300 + "t", "t" + "+t" * 300]
)
def test_absurd_depth_is_refused(text):
    with pytest.raises(ExpressionError, match="more than"):
        parse(text, ["t"])


def test_reasonable_depth_is_not():
    assert value("(" * 40 + "t" + ")" * 40, t=2.0) == 2
    assert value("t" + "+t" * 150, t=2.0) == 302


LEVELS = [["&&", "||"], ["<", "<=", ">", ">=", "==", "!="], ["+", "-"], ["*", "/", "%"], ["^"]]


def number(value):
    return float(value)


PYTHON = {
    "&&": lambda a, b: number(a != 0 and b != 0),
    "||": lambda a, b: number(a != 0 or b != 0),
    "<": lambda a, b: number(a < b),
    "<=": lambda a, b: number(a <= b),
    ">": lambda a, b: number(a > b),
    ">=": lambda a, b: number(a >= b),
    "==": lambda a, b: number(a == b),
    "!=": lambda a, b: number(a != b),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
    "^": math.pow,
    "max": max,
    "atan2": math.atan2,
}


def random_formula(rng, level, depth, variables):
    """Text of a formula no looser than `level`, and its value; parentheses only where they are needed."""
    if depth == 0 or rng.random() < 0.1:
        name = rng.choice(list(variables))
        return rng.choice([(name, variables[name]), ("2.5", 2.5), ("pi", math.pi), ("3", 3.0)])
    kind = rng.randrange(8)
    if kind == 0:
        text, result = random_formula(rng, len(LEVELS), depth - 1, variables)
        return ("-" + text, -result) if rng.random() < 0.5 else ("!" + text, number(result == 0))
    if kind == 1:
        name = rng.choice(["max", "atan2"])
        (a, x), (b, y) = (random_formula(rng, 0, depth - 1, variables) for _ in range(2))
        return f"{name}({a}, {b})", PYTHON[name](x, y)
    chosen = rng.randrange(len(LEVELS))
    operator = rng.choice(LEVELS[chosen])
    a, x = random_formula(rng, chosen, depth - 1, variables)
    b, y = random_formula(rng, chosen + 1, depth - 1, variables)
    text, result = f"{a}{operator}{b}", PYTHON[operator](x, y)
    return (f"({text})", result) if chosen < level else (text, result)


def test_random_formulas_against_python():
    rng = random.Random(42)
    checked = 0
    for _ in range(3000):
        variables = {"a": rng.uniform(-3, 3), "bb": float(rng.randrange(4)), "log_tau": rng.uniform(0, 2)}
        try:
            text, expected = random_formula(rng, 0, 4, variables)
        except (ArithmeticError, ValueError):
            continue  # 1/0 and friends, which Python refuses
        if not math.isfinite(expected):
            continue
        # numpy's powers may differ from C's in the last digit; a comparison after them could flip
        assert value(text, **variables) == pytest.approx(expected, rel=1e-9, abs=1e-9), text
        checked += 1
    assert checked > 1500


def test_message_of_a_long_formula_shows_the_place_only():
    with pytest.raises(ExpressionError) as raised:
        parse("+".join(["t"] * 90) + "+nonsense+" + "+".join(["t"] * 90), ["t"])
    what, shown, caret = str(raised.value).splitlines()
    assert "nonsense" in what
    assert len(shown) < 130
    assert shown[caret.index("^") :].startswith("nonsense")
    assert shown.strip().startswith("...+t+t")
    assert shown.endswith("...")
