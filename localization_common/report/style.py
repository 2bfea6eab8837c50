"""Colours and type of all figures, so that a quantity looks the same in each of them.

The hues are Okabe and Ito's, which people with any colour vision can distinguish; markers and line styles differ as
well, so that figures are readable without colour. Colours of label classes are in `localization_common.report.palette`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

INK = "#1f2933"
MUTED = "#616e7c"
GRID = "#d9dee4"
PAPER = "#ffffff"

TRUTH = "#1f2933"
POSE = "#0072b2"
ODOMETRY = "#d55e00"
BELIEF = "#8e4585"
ERROR_ANGLE = "#b36b00"

#: Colours of the DMN paper's figure 5: views of the map in green, the true pose in blue, belief in reds.
CONTEXT_POSE = "#009e73"
TRUE_POSE = "#0057d9"
BELIEF_MAP = "Reds"

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "figure.dpi": 120.0,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Use matplotlib settings of this package for the figures that are made inside the ``with`` statement."""
    with mpl.rc_context(_RC):
        yield
