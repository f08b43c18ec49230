"""README.md in; the description that package indexes show, where relative links would lead nowhere, out."""

from __future__ import annotations

import re

_IMAGE = re.compile(r"!\[[^\]]*\]\((?![a-z]+:)[^)]*\)\n*")
_LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#)([^)]*)\)")
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)


def package_readme(text: str, repository: str = "") -> str:
    """The description of the package.

    Parameters
    ----------
    text : str
        README.md.
    repository : str
        Address of the repository. Relative links become absolute ones there; without it they become plain text, and
        pictures are left out.
    """
    text = _COMMENT.sub("", text)
    if repository:
        base = repository.rstrip("/")
        text = re.sub(r"!\[([^\]]*)\]\((?![a-z]+:)([^)]*)\)", rf"![\1]({base}/raw/HEAD/\2)", text)
        return _LINK.sub(rf"[\1]({base}/blob/HEAD/\2)", text)
    return _LINK.sub(r"\1", _IMAGE.sub("", text))
