"""Names and coefficients of distortion models in the spelling of drivers, to those of `Camera`."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from localization_common.camera.intrinsics import COEFFICIENTS
from localization_common.errors import CameraError

#: Other names of the same models.
_SYNONYMS = {
    "radtan": "plumb_bob",
    "radial_tangential": "plumb_bob",
    "brown_conrady": "plumb_bob",
    "rational": "rational_polynomial",
    "thin_prism": "rational_polynomial",
    "tilted": "rational_polynomial",
    "fisheye": "equidistant",
    "equi": "equidistant",
    "kannala_brandt": "equidistant",
    "kannala_brandt4": "equidistant",
}
#: Names for images without distortion.
_NONE = ("", "none", "pinhole", "perspective", "rectilinear")


def distortion_of(model: str, values: npt.NDArray[np.float64]) -> tuple[str, tuple[float, ...]]:
    """Model and coefficients of `Camera`; extra zeros are dropped, and no coefficient is guessed.

    Raises:
        CameraError: a coefficient is not finite, the model is unknown, or has another number of coefficients.
    """
    model, shown = str(model)[:60], values[:14].tolist()
    if not np.isfinite(values).all():
        raise CameraError(
            f"distortion of {model or 'the camera'} holds NaN or infinity: {shown}; run camera_calibration"
        )
    name = re.sub(r"[\s\-]+", "_", model.strip().lower())
    known = _SYNONYMS.get(name, name)
    if known in COEFFICIENTS:
        return known, _fitting(name, known, values)
    if not values.any() and name in (*_NONE, "inverse_brown_conrady", "modified_brown_conrady"):
        return "plumb_bob", ()
    if name in _NONE:
        raise CameraError(
            f"distortion_model is {model!r}, but there are coefficients {shown}: name the model, one of {_names()}"
        )
    raise CameraError(f"unknown distortion model {model!r}; known are {_names()}: calibrate with one of them")


def _fitting(name: str, model: str, values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Coefficients in the number that the model takes; empty where all are zero."""
    if not values.any():
        return ()
    counts = COEFFICIENTS[model]
    if len(values) < counts[1]:
        raise CameraError(
            f"{name} has {values.tolist()}; it needs one of {counts} coefficients: run camera_calibration"
        )
    count = max(n for n in counts if n <= len(values))
    if values[count:].any():
        hint = ": name it rational_polynomial" if model == "plumb_bob" and len(values) in (8, 12, 14) else ""
        raise CameraError(
            f"{name} has {len(values)} coefficients {values[:14].tolist()}; it takes one of {counts}{hint}"
        )
    return tuple(float(v) for v in values[:count])


def _names() -> str:
    return ", ".join((*COEFFICIENTS, *_SYNONYMS))
