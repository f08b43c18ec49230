"""The package as its source says it is: which module imports which, and how long its functions are."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "fastsed"
Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Function:
    name: str  # module:qualified name
    lines: int  # from the first line of the body to the last, without the docstring
    arguments: int


def module_name(path: Path) -> str:
    """fastsed/fitting/passes.py -> fastsed.fitting.passes, a package's __init__ is the package"""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, list[Path]]:
    """Name of each module and its sources (a kernel has .pyx, .pxd and .pyi)."""
    sources: dict[str, list[Path]] = {}
    for path in sorted(ROOT.rglob("*.p*")):
        if path.suffix in (".py", ".pyx", ".pxd", ".pyi"):
            sources.setdefault(module_name(path), []).append(path)
    return sources


def imports() -> Graph:
    """Modules of the package that each module imports, at its top or in a function, for types or to run."""
    sources = modules()
    graph: Graph = {}
    for name, paths in sources.items():
        graph[name] = set()
        for path in paths:
            package = name if path.stem == "__init__" else name.rpartition(".")[0]
            for base, names in imported(path, package):
                graph[name] |= targets(base, names, sources)
        graph[name].discard(name)
    return graph


def imported(path: Path, package: str) -> Iterator[tuple[str, list[str]]]:
    """(module, names from it) of each import statement of a file"""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".py", ".pyi"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from ((alias.name, []) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield _absolute("." * node.level + (node.module or ""), package), [a.name for a in node.names]
        return
    text = re.sub(r"#.*", "", text)
    for module, names in re.findall(r"^\s*from\s+([.\w]+)\s+c?import\s+(\([^)]*\)|.*)", text, re.MULTILINE):
        yield _absolute(module, package), re.findall(r"(?:^|,)\s*(\w+)", names.strip("()"))
    for listed in re.findall(r"^\s*c?import\s+([\w., ]+)", text, re.MULTILINE):
        yield from ((item.split()[0], []) for item in listed.split(","))


def _absolute(module: str, package: str) -> str:
    level = len(module) - len(module.lstrip("."))
    if not level:
        return module
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [module[level:]])])


def targets(base: str, names: list[str], known: dict[str, list[Path]]) -> set[str]:
    """Modules that `from base import names` reads: submodules by name, else the package itself"""
    if base.split(".")[0] != "fastsed":
        return set()
    if not names:
        return {base}
    return {f"{base}.{name}" if f"{base}.{name}" in known else base for name in names}


def circles(graph: Graph) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan), sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                result.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(result)


def top_level(graph: Graph) -> Graph:
    """The graph of fastsed/NAME.py and fastsed/NAME/: what each imports of the others."""
    tops: Graph = {}
    for module, targets in graph.items():
        tops.setdefault(_top(module), set()).update(map(_top, targets))
    return {name: targets - {name} for name, targets in tops.items()}


def _top(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def functions() -> list[Function]:
    """All functions and methods of the .py files."""
    return [
        function
        for name, paths in modules().items()
        for path in paths
        if path.suffix == ".py"
        for function in functions_of(path.read_text(encoding="utf-8"), f"{name}:")
    ]


def functions_of(text: str, prefix: str) -> list[Function]:
    """All functions and methods of a source, their names after `prefix`."""
    return list(_functions(ast.parse(text), prefix))


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _measured(child, prefix + child.name)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _measured(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Function:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    bound = given[0].arg in ("self", "cls") if given else False
    return Function(name, lines, len(given) - bound)
