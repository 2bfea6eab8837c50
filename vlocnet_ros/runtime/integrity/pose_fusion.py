"""Pose fusion: pose, covariance and health from the regressed poses of the last frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlocnet_ros.runtime.estimate import Health
from vlocnet_ros.runtime.integrity.tracking import Track, Tracker, TrackingConfig
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty, evidence

Array = npt.NDArray[np.float64]

#: Predicted errors of frames where none are predicted.
_NO_PREDICTION: Array = np.zeros(2)


class FusedPose(NamedTuple):
    """Result for one frame.

    Attributes:
        pose: (4, 4) camera in the map.
        covariance: (6, 6) about the map's axes.
        evidence: (6,) that the covariance was computed from; None after too few frames.
        health: see `Health`.
        reason: reason of a health that is not OK.
    """

    pose: Array
    covariance: Array
    evidence: Array | None
    health: Health
    reason: str


class PoseFusion:
    """Fuses the poses of the last frames.

    Args:
        spread: (6, 6) second moments of the errors of single frames, about the map's axes.
        uncertainty: covariance model of the consensus; None: the covariance is ``spread`` for every frame.
        config: limits of the integrity check.
        fuse: publish the consensus; else each frame's own pose.
    """

    def __init__(
        self, spread: npt.ArrayLike, uncertainty: Uncertainty | None, config: TrackingConfig, *, fuse: bool = True
    ) -> None:
        self._spread = np.asarray(spread, dtype=np.float64)
        self._uncertainty, self._config, self._fuse = uncertainty, config, fuse
        self._tracker = Tracker(config)

    def reset(self) -> None:
        """Drop all frames."""
        self._tracker.reset()

    def step(self, pose: Array, motion: Array | None, stamp: int, expected: Array = _NO_PREDICTION) -> FusedPose:
        """Fuse one more frame.

        Args:
            pose: (4, 4) camera in the map, regressed from this frame alone.
            motion: (4, 4) since the frame before, in its optical frame; None if there is none.
            stamp: nanoseconds.
            expected: (2,) logarithms of the predicted errors (`predicted_error.PredictedError`),
                metres and radians; left out where nothing is expected.
        """
        track = self._tracker.step(pose, motion, stamp, expected)
        # The mean of a few poses is hardly better than one of them, and their scatter has little information.
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
