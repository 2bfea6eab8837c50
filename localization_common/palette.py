"""Colours of label classes: the same in pictures, reports and published overlays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Paul Tol's "muted" and "light", which people with any colour vision tell apart; repeated when there are more classes.
LABELS: tuple[str, ...] = (
    *("#77aadd", "#cc6677", "#117733", "#ddcc77", "#332288", "#88ccee", "#882255", "#44aa99", "#ee8866"),
    *("#aa4499", "#bbcc33", "#aaaa00", "#ffaabb", "#999933", "#dddddd", "#661100"),
)


def label_color(class_id: int) -> str:
    """Hexadecimal colour of a class id."""
    return LABELS[class_id % len(LABELS)]


def label_palette() -> npt.NDArray[np.uint8]:
    """RGB (256, 3) of every class id."""
    return np.array([list(bytes.fromhex(label_color(i)[1:])) for i in range(256)], dtype=np.uint8)
