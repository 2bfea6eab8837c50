"""Short drives of the particle filter from a uniform belief, with the error after each frame."""

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
class FilterTrial:
    """Errors after each of N camera frames.

    Attributes:
        errors: distances (N,) in metres from the pose of the densest cluster to the true pose.
        published: mask (N,) of the frames at which the filter is localized, so that a node publishes the pose.
    """

    errors: npt.NDArray[np.float64]
    published: npt.NDArray[np.bool_]

    @property
    def near(self) -> npt.NDArray[np.bool_]:
        """Mask (N,) of the estimates within `RADIUS`, published or not."""
        return self.errors < RADIUS

    @property
    def localised(self) -> npt.NDArray[np.bool_]:
        """Mask (N,) of the published poses within `RADIUS`."""
        return self.published & self.near


def run_trial(
    localizer: Localizer, drive: Sequence, seed: int, proposals: Mapping[int, PlanarGaussian] = NO_PROPOSALS
) -> FilterTrial:
    """Run the filter over all frames with the recorded odometry.

    Args:
        localizer: localizer whose camera is set.
        drive: frames with poses and odometry.
        seed: seed of the particles.
        proposals: poses of the base from another localizer, by stamp.
    """
    assert drive.odom_T_base is not None
    truth = planar.from_se3(drive.map_T_base)
    errors, published = np.full(len(drive), np.inf), np.zeros(len(drive), dtype=np.bool_)
    localizer.reset_uniform(seed=seed)
    for i, belief in replay(localizer, drive, planar_odometry(drive.odom_T_base), proposals=proposals):
        errors[i], published[i] = np.linalg.norm(belief.most_likely[:2] - truth[i, :2]), belief.localized
    return FilterTrial(errors, published)


def frames_until(good: npt.NDArray[np.bool_]) -> int:
    """Number, counted from 1, of the frame from which all later ones (N,) are good; N + 1 if the last is not."""
    bad = np.flatnonzero(~good)
    return 1 if len(bad) == 0 else int(bad[-1]) + 2
