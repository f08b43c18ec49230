"""The rules of docs/architecture.md that can be read off the source: imports without circles, short functions."""

from __future__ import annotations

import pytest

from tests import source_tree
from tests.source_tree import Function, circles, functions, imports, top_level

LONGEST_FUNCTION = 50
"""Lines of a body, its docstring left out."""
MOST_ARGUMENTS = 8

PUBLIC = {
    # a row of the tables of keys: everything that the parser, the checks and the documentation need of one key
    "fastsed.config.options:option",
    # fastsed.__all__: keywords with defaults, one for each thing that a user may want otherwise
    "fastsed.api:fit",
    "fastsed.galaxy_model:GalaxyModel.__init__",
}
"""Functions that others call by keyword, so that they may have more arguments."""


@pytest.fixture(scope="module")
def graph():
    return imports()


def in_package(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def edges(graph, sources, target):
    """Imports of a package by modules of others, as "from -> to"."""
    return [
        f"{module} -> {imported}"
        for module, targets in sorted(graph.items())
        for imported in sorted(targets)
        if any(in_package(module, source) for source in sources) and in_package(imported, target)
    ]


def test_modules_form_no_circle(graph):
    assert circles(graph) == []


def test_packages_form_no_circle(graph):
    assert circles(top_level(graph)) == []


def test_only_commands_import_the_public_package(graph):
    assert [module for module, targets in graph.items() if "fastsed" in targets] == []


def test_only_commands_import_commands(graph):
    others = {module for module in graph if not in_package(module, "fastsed.cli")} - {"fastsed.__main__"}
    assert edges(graph, others - {"fastsed"}, "fastsed.cli") == []


@pytest.mark.parametrize("package", ["models", "fitting", "outputs", "inputs", "config", "verdict"])
def test_the_parameter_file_is_unknown_below_the_front_ends(graph, package):
    assert edges(graph, [f"fastsed.{package}"], "fastsed.params") == []


def test_kernels_import_only_kernels(graph):
    targets = {t for module, ts in graph.items() if in_package(module, "fastsed._ext") for t in ts}
    # their .pyi stubs name the types of arrays
    assert [t for t in targets if not in_package(t, "fastsed._ext") and t != "fastsed.arrays"] == []


def test_functions_are_short():
    assert [f"{f.name}: {f.lines} lines" for f in functions() if f.lines > LONGEST_FUNCTION] == []


def test_functions_have_few_arguments():
    many = [f for f in functions() if f.arguments > MOST_ARGUMENTS and f.name not in PUBLIC]
    assert [f"{f.name}: {f.arguments} arguments" for f in many] == []


class TestReader:
    """The reader of the source finds what it looks for."""

    def test_imports_in_functions_for_types_and_of_kernels(self, graph):
        assert "fastsed.params" in graph["fastsed"]
        assert "fastsed.verdict.finding" in graph["fastsed.cli.main"]
        assert "fastsed._ext.scratch" in graph["fastsed._ext.best_fit"]
        assert "fastsed._ext.chi2_types" in graph["fastsed._ext.best_fit"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("import fastsed.b", {"fastsed.b"}),
            ("def f():\n    from fastsed.a import b, d", {"fastsed.a.b", "fastsed.a"}),
            ("if 0:\n    from . import b", {"fastsed.a.b"}),
            ("from ..b import c", {"fastsed.b"}),
            ("import numpy", set()),
        ],
    )
    def test_python(self, text, expected, tmp_path):
        assert self.targets(tmp_path / "c.py", text) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("cimport fastsed.b  # or another", {"fastsed.b"}),
            ("from fastsed.b cimport (One,\n    two)", {"fastsed.b"}),
            ("from fastsed.a cimport b as c, d", {"fastsed.a.b", "fastsed.a"}),
            ("from .b cimport One", {"fastsed.a.b"}),
            ("# from fastsed.b cimport One", set()),
        ],
    )
    def test_cython(self, text, expected, tmp_path):
        assert self.targets(tmp_path / "c.pyx", text) == expected

    def targets(self, path, text):
        path.write_text(text)
        known = {name: [path] for name in ("fastsed", "fastsed.a", "fastsed.a.b", "fastsed.b")}
        statements = source_tree.imported(path, "fastsed.a")
        return {t for base, names in statements for t in source_tree.targets(base, names, known)}

    def test_circles(self):
        graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
        assert circles(graph) == [["b", "c"]]
        assert circles({"a": {"b"}, "b": set()}) == []

    def test_top_level(self):
        graph = {"fastsed.a.one": {"fastsed.b", "fastsed.a.two"}, "fastsed.b": {"fastsed.a"}}
        assert top_level(graph) == {"a": {"b"}, "b": {"a"}}

    def test_functions(self):
        lines = [
            "class A:",
            "    def f(self, x, *, y):",
            '        """Doc',
            '        of two lines."""',
            "        x()",
        ]
        text = "\n".join([*lines, "        y()"])
        assert source_tree.functions_of(text, "m:") == [Function("m:A.f", 2, 2)]
