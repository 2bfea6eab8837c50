"""Noticing pictures of places that the network does not know.

Pictures like those that a network was trained with excite its units more than others do (Park et al., Understanding the
Feature Norm for Out-of-Distribution Detection, ICCV 2023). So the norm of the features that a pose is regressed from
tells another place from this one, of which the pose itself, some pose of this place, says nothing.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

#: Share of the frames of held-out drives that are weaker than the limit.
_SHARE = 0.01
#: So many frames in a row are chance no more.
_ROW = 3


class FrameKind(Enum):
    """Where the camera is, as far as features tell."""

    IN_DISTRIBUTION = "in_distribution"
    #: One or two weak frames: of no use by themselves, but the camera has moved as its pictures say.
    SUSPECT = "suspect"
    #: More of them: of what the camera did since nothing is known, until as many frames are familiar again.
    OUT_OF_DISTRIBUTION = "out_of_distribution"


def least_feature_norm(features: npt.NDArray[np.floating]) -> float:
    """Norm that features (N, F) of frames of a place hardly ever fall below; 0 without frames."""
    return float(np.quantile(np.linalg.norm(features, axis=1), _SHARE)) if len(features) else 0.0


class OutOfDistributionCheck:
    """Follows from frame to frame whether the place is known.

    Args:
        least: norm below which features are weak; 0 finds every place familiar.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self.reset()

    def reset(self) -> None:
        """Begin with a known place."""
        self._place, self._row = FrameKind.IN_DISTRIBUTION, 0

    def step(self, features: npt.NDArray[np.floating] | None) -> tuple[FrameKind, str]:
        """FrameKind after one more frame's features (F,), and why it is not known; without features it is."""
        norm = np.inf if features is None else float(np.linalg.norm(features))
        weak = norm < self._least
        self._row = self._row + 1 if weak != (self._place is FrameKind.OUT_OF_DISTRIBUTION) else 0
        if self._row >= _ROW:
            self._place, self._row = (
                FrameKind.IN_DISTRIBUTION
                if self._place is FrameKind.OUT_OF_DISTRIBUTION
                else FrameKind.OUT_OF_DISTRIBUTION,
                0,
            )
        place = FrameKind.SUSPECT if weak and self._place is FrameKind.IN_DISTRIBUTION else self._place
        if place is FrameKind.IN_DISTRIBUTION:
            return place, ""
        return place, (
            f"this looks like no place that the network knows: features of norm {norm:.1f}, usual is {self._least:.1f} "
            "at least; if the place has changed, calibrate on a drive through it"
        )
