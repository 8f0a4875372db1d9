"""Sphinx configuration. `make docs` builds into docs/_build/html; a warning is an error."""

from nacre._version import __version__

project = "nacre"
author = "the nacre authors"
copyright = "the nacre authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"nacre {__version__}"
