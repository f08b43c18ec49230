"""The notebooks of the documentation: run in a process and folder of their own, what they show compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.shown_outputs import alike, normalised

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))

_RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
for cell in notebook.cells:
    cell.metadata.pop("execution", None)
notebook.metadata["language_info"] = {"name": "python"}
nbformat.write(notebook, sys.argv[2])
"""


def executed(notebook: Path, folder: Path) -> dict[str, Any]:
    """The notebook as it is after a run in an empty folder.

    Raises
    ------
    RuntimeError
        If a cell fails; the message holds its traceback.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", _RUN, str(notebook), str(folder / "done.ipynb")],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "IPYTHONDIR": str(folder / "ipython"), "JUPYTER_PLATFORM_DIRS": "1"},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads((folder / "done.ipynb").read_text(encoding="utf-8"))


def texts(notebook: dict[str, Any]) -> list[str]:
    """What each cell of code printed, and the kinds of what it showed."""
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            shown.append("\n".join(_text(output) for output in cell["outputs"]))
    return shown


def _text(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return "".join(output["text"])
    if "image/png" in output["data"]:
        return "a picture"
    return "".join(output["data"]["text/plain"])


def up_to_date(notebook: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether what a notebook shows is what came out."""
    one, other = texts(notebook), texts(after)
    return len(one) == len(other) and all(
        alike(normalised(a), normalised(b)) for a, b in zip(one, other, strict=True)
    )
