"""Build the Cython kernels: OpenMP where the compiler has it, run-time SIMD dispatch inside the C code."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

KERNELS = sorted(Path("fastsed/_ext").glob("*.pyx"))
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": True,
}
# model fluxes, star fits and posteriors must round alike at every SIMD level
UNCONTRACTED = ["-ffp-contract=off"]
ROUNDED_ALIKE = ("fastsed._ext.photometry", "fastsed._ext.stars", "fastsed._ext.posterior")
SANITIZE = os.environ.get("FASTSED_SANITIZE", "")
# run side by side; each takes up to half a gigabyte
MOST_COMPILERS = 4

OPENMP_PROBE = """
#include <omp.h>
int main(void) {
    int n = 0;
    #pragma omp parallel reduction(+:n)
    n += omp_get_num_threads();
    return n == 0;
}
"""

NO_COMPILER = (
    "fastsed: error: no working C compiler: install one (Debian, Ubuntu: apt install build-essential; Fedora: dnf "
    "install gcc; conda: conda install c-compiler; macOS: xcode-select --install; Windows: Build Tools for Visual "
    "Studio) or set CC"
)
NO_PYTHON_HEADERS = (
    "fastsed: error: no Python.h: install the headers of Python (Debian, Ubuntu: apt install python3-dev; Fedora: dnf "
    "install python3-devel)"
)

# (compiler flags, linker flags): GCC and Clang; Apple's Clang with libomp; MSVC
OPENMP_FLAGS = [
    (["-fopenmp"], ["-fopenmp"]),
    (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),
    (["/openmp"], []),
]


def compiles(compiler: object, text: str) -> bool:
    """Whether a small C file compiles."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(text)
        try:
            compiler.compile([str(source)], output_dir=folder)
        except Exception:
            return False
        return True


def check_compiler(compiler: object) -> None:
    """End with one line that says what to install where nothing can be compiled."""
    if not compiles(compiler, "int fastsed_probe = 1;\n"):
        sys.exit(NO_COMPILER)
    if not compiles(compiler, "#include <Python.h>\n"):
        sys.exit(NO_PYTHON_HEADERS)


def openmp_flags(compiler: object) -> tuple[list[str], list[str]]:
    """First pair of flags with which a small OpenMP program compiles, links and runs; none if no pair does."""
    if os.environ.get("FASTSED_NO_OPENMP"):
        return [], []
    for compile_args, link_args in OPENMP_FLAGS:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(OPENMP_PROBE)
            try:
                objects = compiler.compile([str(source)], output_dir=folder, extra_postargs=compile_args)
                compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=link_args)
                subprocess.run([str(Path(folder, "probe"))], check=True, capture_output=True)
            except Exception:
                continue
            return compile_args, link_args
    print("fastsed: no OpenMP found; the kernels will run on one thread", file=sys.stderr)
    return [], []


class BuildKernels(build_ext):
    """Add the flags that the compiler at hand understands."""

    def build_extensions(self) -> None:
        check_compiler(self.compiler)
        compile_args, link_args = openmp_flags(self.compiler)
        if self.compiler.compiler_type != "msvc":
            compile_args = [*compile_args, "-O3", "-fno-math-errno", "-fno-trapping-math"]
        if SANITIZE:
            compile_args = [*compile_args, f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g"]
            link_args = [*link_args, f"-fsanitize={SANITIZE}"]
        # the longest first
        self.extensions.sort(key=lambda one: os.path.getsize(one.sources[0]), reverse=True)
        self.parallel = self.parallel or min(MOST_COMPILERS, usable_cores())
        for extension in self.extensions:
            extra = UNCONTRACTED if extension.name in ROUNDED_ALIKE and "-O3" in compile_args else []
            extension.extra_compile_args = [*compile_args, *extra]
            extension.extra_link_args = link_args
        super().build_extensions()


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def extension(path: Path) -> Extension:
    headers = [str(header) for header in sorted(path.parent.glob("*.h"))]
    return Extension(
        ".".join(path.with_suffix("").parts), [str(path)], depends=headers, include_dirs=[str(path.parent)]
    )


def description() -> str:
    """The README as package indexes show it: links lead to the repository, once pyproject.toml names one."""
    sys.path.insert(0, str(Path(__file__).resolve().parent / "distribution"))
    from readme import package_readme

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return package_readme(
        Path("README.md").read_text(encoding="utf-8"), project.get("urls", {}).get("Repository", "")
    )


def data_files() -> list[tuple[str, list[str]]]:
    """Man pages and shell completions, for the folder `share` of the environment."""
    root = Path("distribution")
    folders = sorted({path.parent for path in root.glob("share/**/*") if path.is_file()})
    return [
        (
            folder.relative_to(root).as_posix(),
            [str(path) for path in sorted(folder.iterdir()) if path.is_file()],
        )
        for folder in folders
    ]


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    packages=[*find_packages(include=["fastsed", "fastsed.*"]), "fastsed.share"],
    package_dir={"fastsed": "fastsed", "fastsed.share": "share"},
    package_data={
        "fastsed.share": ["*", "libraries/*", "stars/*", "examples/*/*"],
        "fastsed": ["py.typed"],
        "fastsed._ext": ["*.pyi"],
        "fastsed.report": ["*.css", "*.js"],
    },
    include_package_data=False,
    data_files=data_files(),
    ext_modules=cythonize([extension(p) for p in KERNELS], compiler_directives=DIRECTIVES, nthreads=0),
    cmdclass={"build_ext": BuildKernels},
)
