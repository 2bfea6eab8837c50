"""Scores of covariances, and of wrong and good poses that are withheld."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.replay import replay

Array = npt.NDArray[np.float64]

#: Smallest position error of a wrong pose, metres.
WRONG = 0.5


@dataclass(frozen=True)
class ScoredDrive:
    """Results of a localizer on a drive of N frames.

    Attributes:
        errors: errors (N, 6) x y z rX rY rZ about the map's axes; a refused frame has the error of the last pose.
        covariances: covariances (N, 6, 6); NaN for refused frames.
        withheld: mask (N,) of the frames without a published pose.
    """

    errors: Array
    covariances: Array
    withheld: npt.NDArray[np.bool_]

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Mask (N,) of the frames with a position error above `WRONG`."""
        far: npt.NDArray[np.bool_] = np.linalg.norm(self.errors[:, :3], axis=1) > WRONG
        return far


def run_over(localizer: FrameLocalizer, sequence: Sequence) -> ScoredDrive:
    """Run a localizer over a sequence, as a node does."""
    pose, poses, covariances, withheld = np.eye(4), [], [], []
    for frame in replay(localizer, sequence):
        covariance, refused = np.full((6, 6), np.nan), True
        if frame.estimate is not None:
            pose, covariance = frame.estimate.map_T_camera, frame.estimate.covariance
            refused = not frame.estimate.health.published
        poses.append(pose)
        covariances.append(covariance)
        withheld.append(refused)
    errors = twist_errors(np.stack(poses), sequence.map_T_camera)
    return ScoredDrive(errors, np.stack(covariances), np.array(withheld))


@dataclass(frozen=True)
class Consistency:
    """Agreement of covariances with errors, over the published poses.

    Attributes:
        nees: mean normalised estimation error squared; 6 is ideal.
        band: 95 % interval of `nees` for right covariances (chi-square), with this number of independent poses.
        independent: number of independent poses with the same information, given the correlation of errors in time.
        within: share of the poses whose normalised error is below the 95 % quantile of the chi-square distribution.
        rank_m, rank_deg: rank correlation (Spearman) of errors and standard deviations.
    """

    nees: float
    band: tuple[float, float]
    independent: float
    within: float
    rank_m: float
    rank_deg: float


def consistency(scored: ScoredDrive) -> Consistency:
    """Compare the covariances of published poses with their errors."""
    from scipy import stats  # not on a robot

    published = ~scored.withheld
    errors, covariances = scored.errors[published], scored.covariances[published]
    squares = np.einsum("ni,ni->n", errors, np.linalg.solve(covariances, errors[..., None])[..., 0])
    independent = _independent(squares)
    low, high = stats.chi2.ppf([0.025, 0.975], 6.0 * independent) / independent
    ranks = []
    for part in (slice(0, 3), slice(3, 6)):
        deviations = np.sqrt(np.trace(covariances[:, part, part], axis1=1, axis2=2))
        ranks.append(float(stats.spearmanr(deviations, np.linalg.norm(errors[:, part], axis=1)).statistic))
    within = float((squares <= stats.chi2.ppf(0.95, 6)).mean())
    return Consistency(float(squares.mean()), (float(low), float(high)), independent, within, *ranks)


def _independent(values: Array) -> float:
    """Size of an uncorrelated sample whose mean has the same variance as the mean of these values in time."""
    off = values - values.mean()
    variance = float(off @ off)
    if variance == 0.0:
        return float(len(values))
    total = 0.0
    for lag in range(1, len(values) // 2):
        correlation = float(off[:-lag] @ off[lag:]) / variance
        if correlation < 0.05:  # noise from here on
            break
        total += correlation
    return len(values) / (1.0 + 2.0 * total)
