"""Noticing pictures of places that the network does not know.

Pictures like those that a network was trained with excite its units more than others do (Park et al., Understanding the
Feature Norm for Out-of-Distribution Detection, ICCV 2023). So the norm of the features that a pose is regressed from
tells another place from this one, of which the pose itself, some pose of this place, says nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError

#: Share of the frames of held-out drives that are taken for another place's.
_SHARE = 0.01


def least_familiar(features: npt.NDArray[np.floating]) -> float:
    """Norm that features (N, F) of frames of a place hardly ever fall below; 0 without frames."""
    return float(np.quantile(np.linalg.norm(features, axis=1), _SHARE)) if len(features) else 0.0


def require_familiar(features: npt.ArrayLike | None, least: float) -> None:
    """Refuse a frame whose features (F,) are weaker than those of this place are; None are not judged.

    Raises:
        InputError: says how weak.
    """
    norm = np.inf if features is None else float(np.linalg.norm(np.asarray(features)))
    if norm < least:
        raise InputError(
            f"image looks like no place that the network knows: features of norm {norm:.1f}, {least:.1f} is usual; "
            "if this is the place, calibrate on a drive through it as it is now"
        )
