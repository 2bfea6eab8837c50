"""Check for out-of-distribution frames: images unlike those that the network was trained with.

Images of the training place excite the network's units more than others do (Park et al., Understanding the Feature Norm
for Out-of-Distribution Detection, ICCV 2023). So the norm of the features that a pose is regressed from separates
another place from this one; the pose itself, which is always some pose of this place, does not.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

#: Share of the frames of held-out drives whose norm is below the limit.
_SHARE = 0.01
#: Number of frames in a row that change the state.
_ROW = 3


class FrameKind(Enum):
    """State of the check after a frame."""

    IN_DISTRIBUTION = "in_distribution"
    #: One or two frames with a small norm: their poses are not used, their odometry is.
    SUSPECT = "suspect"
    #: More of them in a row: the motion is unknown as well, until as many frames have a usual norm.
    OUT_OF_DISTRIBUTION = "out_of_distribution"


def least_feature_norm(features: npt.NDArray[np.floating]) -> float:
    """Norm that the features (N, F) of a place's frames rarely fall below; 0 without frames."""
    return float(np.quantile(np.linalg.norm(features, axis=1), _SHARE)) if len(features) else 0.0


class OutOfDistributionCheck:
    """Follows the feature norm from frame to frame.

    Args:
        least: norm below which a frame is suspect; 0 switches the check off.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self.reset()

    def reset(self) -> None:
        """Start with in-distribution frames."""
        self._out, self._row = False, 0

    def step(self, features: npt.NDArray[np.floating] | None) -> tuple[FrameKind, str]:
        """Kind of a frame with features (F,), and the reason; frames without features are in distribution."""
        norm = np.inf if features is None else float(np.linalg.norm(features))
        weak = norm < self._least
        self._row = self._row + 1 if weak != self._out else 0
        if self._row >= _ROW:
            self._out, self._row = not self._out, 0
        if not (self._out or weak):
            return FrameKind.IN_DISTRIBUTION, ""
        return FrameKind.OUT_OF_DISTRIBUTION if self._out else FrameKind.SUSPECT, (
            f"out-of-distribution frame: features of norm {norm:.1f}, usual is {self._least:.1f} at least; is this "
            "another place? If the place has changed, calibrate on a drive through it"
        )
