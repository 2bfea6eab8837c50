"""From what a network says of each frame to what is published: pose, covariance, and whether to trust it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlocnet_ros.runtime.estimate import Health
from vlocnet_ros.runtime.integrity.tracking import Track, Tracker, TrackingConfig
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty, evidence

Array = npt.NDArray[np.float64]

#: Expected of frames of which nothing is known.
_NOTHING: Array = np.zeros(2)


class FusedPose(NamedTuple):
    """Pose (4, 4), covariance (6, 6), what that was judged by (6,) if there is enough, whether to trust it, why not."""

    pose: Array
    covariance: Array
    evidence: Array | None
    health: Health
    reason: str


class PoseFusion:
    """Joins the poses of the last frames and says how much they are worth.

    Args:
        spread: (6, 6) second moments of the errors of single frames, about the map's axes.
        uncertainty: of the consensus; None takes ``spread`` for every frame.
        config: when to doubt a consensus.
        fuse: whether the consensus of the last frames is published, or each frame's own pose.
    """

    def __init__(
        self, spread: npt.ArrayLike, uncertainty: Uncertainty | None, config: TrackingConfig, *, fuse: bool = True
    ) -> None:
        self._spread = np.asarray(spread, dtype=np.float64)
        self._uncertainty, self._config, self._fuse = uncertainty, config, fuse
        self._tracker = Tracker(config)

    def reset(self) -> None:
        """Forget all frames."""
        self._tracker.reset()

    def step(self, pose: Array, motion: Array | None, stamp: int, expected: Array = _NOTHING) -> FusedPose:
        """PoseFusion one more frame.

        Args:
            pose: (4, 4) of the camera in the map, by this frame alone.
            motion: (4, 4) since the frame before, in its optical frame; None if there is none.
            stamp: nanoseconds.
            expected: (2,) logarithms of the errors that this frame's pose may have (`predicted_error.PredictedError`),
                metres and radians; left out where nothing is expected.
        """
        track = self._tracker.step(pose, motion, stamp, expected)
        # The mean of a few poses is hardly better than one of them, and their scatter says little yet.
        shown = evidence(track.latest) if len(track.agreement) >= self._config.restart else None
        health, reason = self._health(track)
        if not self._fuse:
            return FusedPose(pose, self._spread, shown, health, reason)
        return FusedPose(track.latest.pose, self._covariance(shown), shown, health, reason)

    def _covariance(self, shown: Array | None) -> Array:
        if self._uncertainty is None or shown is None:
            return self._spread
        return self._uncertainty.covariance(shown)

    def _health(self, track: Track) -> tuple[Health, str]:
        strange = not self._fuse and track.agreement.residuals[-1] > self._config.agreement
        share = max(track.doubt / self._config.patience, track.unseen / self._config.reach)
        if not (track.lost or strange) and share < 0.5:
            return Health.OK, ""
        reason = (
            f"for {track.doubt:.1f} s and {track.unseen:.2f} m poses contradict those before them, carried on by the "
            f"odometry; usual are up to {self._config.patience:.1f} s and {self._config.reach:.2f} m"
        )
        return Health.LOST if track.lost or strange else Health.UNCERTAIN, reason
