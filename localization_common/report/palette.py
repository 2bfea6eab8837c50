"""Colours of label classes and of heat over camera images, the same in pictures, reports and topics."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

#: Paul Tol's "muted" and "light", which people with any colour vision can distinguish; repeated for more classes.
LABELS: tuple[str, ...] = (
    *("#77aadd", "#cc6677", "#117733", "#ddcc77", "#332288", "#88ccee", "#882255", "#44aa99", "#ee8866"),
    *("#aa4499", "#bbcc33", "#aaaa00", "#ffaabb", "#999933", "#dddddd", "#661100"),
)

#: Circles around points in an image: RGB colour, and radius in pixels.
CIRCLE_COLOR, CIRCLE_RADIUS = (0, 255, 0), 4


def label_color(class_id: int) -> str:
    """Hexadecimal colour of a class id."""
    return LABELS[class_id % len(LABELS)]


def label_palette() -> Image:
    """RGB (256, 3) of every class id."""
    return np.array([list(bytes.fromhex(label_color(i)[1:])) for i in range(256)], dtype=np.uint8)


def heat_palette() -> Image:
    """RGB (256, 3) from cold to hot: matplotlib's "inferno", in which hotter is brighter."""
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(ramp[:, 0, ::-1])


def tinted(image: Image, colors: Image, opacity: float | npt.NDArray[np.float32]) -> Image:
    """Mix an image (H, W, 3) with colours (H, W, 3); opacity 0..1 is one number, or (H, W, 1)."""
    mixed: Image = ((1.0 - opacity) * image + opacity * colors).round().astype(np.uint8)
    return mixed


def heat_overlay(image: Image, heat: npt.NDArray[np.float32], opacity: float) -> Image:
    """Draw heat (H, W) in 0..1 over the image (H, W, 3) in grey, so that only heat is coloured; cold is transparent."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    colors = heat_palette()[(255.0 * heat).round().astype(np.uint8)]
    return tinted(grey, colors, opacity * heat[..., None])


def circled(image: Image, pixels: npt.NDArray[np.float64]) -> Image:
    """Copy of an image (H, W, 3) with a green circle around each of the pixels (N, 2), x to the right and y down."""
    marked = image.copy()
    for x, y in pixels.tolist():
        cv2.circle(marked, (round(x), round(y)), CIRCLE_RADIUS, CIRCLE_COLOR, 1, cv2.LINE_AA)
    return marked
