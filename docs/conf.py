"""Settings of the documentation.

Build with ``python -m sphinx -W --keep-going -b html docs docs/_build/html``. Nothing is
downloaded, neither by the build nor by the pages.
"""

import os
import sys
from pathlib import Path

# Pages show numbers, not speed: one thread makes them repeatable.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import linalgx  # noqa: E402

project = "linalgx"
author = "The linalgx developers"
copyright = author
version = release = linalgx.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "support",
]
exclude_patterns = ["_build", "_ext", "_templates", "**.ipynb", "gallery/**.zip"]
templates_path = ["_templates"]
default_role = "obj"

# API pages
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
add_function_parentheses = False

# Guide: every cell is run, and an error in a cell is an error of the build.
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_render_markdown_format = "myst"

# Examples
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",
    "within_subsection_order": "ExampleTitleSortKey",
    "filename_pattern": r"\.py$",
    "doc_module": ("linalgx",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_signature": False,
    "copyfile_regex": "",
    "reset_modules": ("matplotlib",),
    "capture_repr": (),  # what is printed and drawn, not the repr of a legend
}

# Look
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"linalgx {release}"
html_static_path = ["_static"]
html_css_files = ["linalgx.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "logo": {"text": "linalgx"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": False,
    "footer_start": ["sphinx-version"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {"index": [], "gpu": [], "backends": [], "reliability": [], "development": []}
