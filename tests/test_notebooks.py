"""The notebooks run, and show what they show."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from tests.notebooks import NOTEBOOKS, executed, texts, up_to_date

NEEDED = ("nbclient", "nbformat", "ipykernel", "matplotlib")
MISSING = [name for name in NEEDED if find_spec(name) is None]


def test_there_is_one():
    assert NOTEBOOKS


@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'fastsed[docs]'")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook(path, tmp_path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    after = executed(path, tmp_path)
    assert up_to_date(notebook, after), "run `make pages`:\n" + "\n".join(texts(after))


def test_stale_outputs_are_seen():
    def notebook(text):
        outputs = [{"output_type": "stream", "name": "stdout", "text": [text]}]
        return {"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]}

    assert up_to_date(notebook("lmass 10.5\n"), notebook("lmass 10.5\n"))
    assert not up_to_date(notebook("lmass 10.5\n"), notebook("lmass 10.6\n"))
    assert not up_to_date(notebook("lmass 10.5\n"), {"cells": []})
