"""Settings of Sphinx. The site is built by scripts/build_site.py, from a copy of this folder."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

from fastsed import __version__

project = "fastsed"
author = "The fastsed developers"
copyright = author
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["README.md"]
# what is in a code block without a language is seldom Python
highlight_language = "text"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# the notebook is run by the tests, which compare its outputs
nb_execution_mode = "off"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

# equations that need neither the network nor a script
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"fastsed {release}"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}


def _inline_equation(self: Any, node: nodes.math) -> None:
    self.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _displayed_equation(self: Any, node: nodes.math_block) -> None:
    self.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline_equation, None), (_displayed_equation, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
