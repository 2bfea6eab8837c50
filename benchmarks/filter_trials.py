"""One short drive of the particle filter from a belief that knows nothing: how far off it is after each frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localizer import Localizer
from dmn_ros.runtime.replay import NO_PROPOSALS, replay
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import planar_odometry

#: Metres within which a robot is localised.
RADIUS = 0.5


@dataclass(frozen=True)
class Trial:
    """After each of N camera frames.

    Attributes:
        errors: (N,) metres from the densest cluster's pose to the truth.
        published: (N,) whether the filter calls itself localized, so that a node publishes that pose.
    """

    errors: npt.NDArray[np.float64]
    published: npt.NDArray[np.bool_]

    @property
    def near(self) -> npt.NDArray[np.bool_]:
        """(N,) whether the estimate is right, published or not."""
        return self.errors < RADIUS

    @property
    def localised(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a pose is published and right."""
        return self.published & self.near


def run_trial(
    localizer: Localizer, drive: Sequence, seed: int, proposals: Mapping[int, PlanarGaussian] = NO_PROPOSALS
) -> Trial:
    """Drive through all frames with the recorded odometry.

    Args:
        localizer: knows the camera.
        seed: of the particles.
        proposals: where another localizer says the base is, by stamp.
    """
    assert drive.odom_T_base is not None
    truth = planar.from_se3(drive.map_T_base)
    errors, published = np.full(len(drive), np.inf), np.zeros(len(drive), dtype=np.bool_)
    localizer.reset_uniform(seed=seed)
    for i, belief in replay(localizer, drive, planar_odometry(drive.odom_T_base), proposals=proposals):
        errors[i], published[i] = np.linalg.norm(belief.most_likely[:2] - truth[i, :2]), belief.localized
    return Trial(errors, published)


def frames_until(good: npt.NDArray[np.bool_]) -> int:
    """Number of the first frame from which on all (N,) are good, counted from 1; N + 1 if not even the last is."""
    bad = np.flatnonzero(~good)
    return 1 if len(bad) == 0 else int(bad[-1]) + 2
