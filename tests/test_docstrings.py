"""Docstrings of everything public, by the rules of numpydoc."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

import fastsed

LEFT_OUT = {
    "ES01",  # an extended summary where the short one says all
    "SA01",  # See Also
    "EX01",  # examples: they are in the documentation
    "PR08",  # descriptions may begin with a unit or a formula
    "RT04",
}


def public_names():
    """Public objects, and the methods and properties of public classes."""
    for name in sorted(fastsed.__all__):
        value = getattr(fastsed, name)
        if inspect.isclass(value):
            yield f"fastsed.{name}"
            described = [k for k, v in vars(value).items() if callable(v) or hasattr(type(v), "__get__")]
            yield from (f"fastsed.{name}.{member}" for member in described if not member.startswith("_"))
        elif inspect.ismodule(value):
            yield from (f"fastsed.{name}.{member}" for member in value.__all__)
        elif callable(value):
            yield f"fastsed.{name}"


@pytest.mark.parametrize("name", list(public_names()))
def test_docstring(name):
    validation = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed")
    found = validation.validate(name)
    errors = {code: text for code, text in found["errors"] if code not in LEFT_OUT}
    if "PR01" in errors and fields_without_description(name) == []:
        del errors["PR01"]
    assert errors == {}


def fields_without_description(name):
    """Fields of a dataclass that its docstring does not name among the attributes; None if it is none."""
    value = getattr(fastsed, name.removeprefix("fastsed."), None)
    if not dataclasses.is_dataclass(value):
        return None
    described = re.findall(r"^ {4}([\w, ]+) :", value.__doc__, re.MULTILINE)
    names = {one.strip() for line in described for one in line.split(",")}
    return [field.name for field in dataclasses.fields(value) if field.name not in names]


def test_names_are_public():
    names = list(public_names())
    assert {"fastsed.merge", "fastsed.Results.write", "fastsed.read_chi2_grid"} <= set(names)
    assert fields_without_description("fastsed.Sed") == []
