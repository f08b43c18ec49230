"""Nothing in; versions of fastsed and its dependencies, threads, and what the kernels use, out."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

from fastsed._version import __version__

DEPENDENCIES = ("numpy", "scipy", "astropy", "h5py", "tqdm", "threadpoolctl")


def facts() -> dict[str, Any]:
    """The facts, by the names that `--version --json` gives them."""
    from fastsed._ext.runtime import has_openmp, simd_name
    from fastsed.threads import available_threads

    return {
        "fastsed": __version__,
        "simd": simd_name(),
        "openmp": bool(has_openmp()),
        "threads": available_threads() if has_openmp() else 1,
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "dependencies": {package: _version_of(package) for package in DEPENDENCIES},
    }


def as_text() -> str:
    """The facts for people."""
    known = facts()
    threads = f"{known['threads']} (OpenMP)" if known["openmp"] else "1 (built without OpenMP)"
    versions = [f"{package} {version or 'missing'}" for package, version in known["dependencies"].items()]
    return "\n".join(
        [
            f"fastsed {known['fastsed']}",
            f"SIMD:    {known['simd']}",
            f"threads: {threads}",
            ", ".join([f"python {known['python']}", *versions]),
        ]
    )


def as_json() -> str:
    """The facts for programs."""
    import json

    return json.dumps(facts(), indent=2)


def _version_of(package: str) -> str | None:
    try:
        return installed_version(package)
    except PackageNotFoundError:
        return None
