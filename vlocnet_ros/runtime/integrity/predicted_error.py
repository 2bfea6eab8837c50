"""Predicted error of the pose of a single frame, from the features that the pose was regressed from.

The accuracy depends on the appearance of the place. Dropout measures the variance of the weights; this model is fitted
to the errors on held-out frames (heteroscedastic regression, Kendall and Gal 2017, but after the training, so that the
poses do not change).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import CheckpointError

Array = npt.NDArray[np.float64]

#: Metres and radians that are added to an error before its logarithm is taken.
_FLOOR = np.array([0.02, 0.005])
#: Largest predicted logarithm: the pose may be anywhere.
UNKNOWN = 5.0
#: Ridge penalty, as a share of each feature's variance: there are few frames.
_RIDGE = 0.3
#: Least number of folds of the cross-validation.
_PARTS = 5
#: Least number of frames for a fit.
_FEWEST = 20


@dataclass(frozen=True)
class PredictedError:
    """Logarithms of the errors of position (metres) and rotation (radians), linear in the features.

    Attributes:
        slopes: (2, F) of position and of rotation.
        offsets: (2,) likewise.
    """

    slopes: tuple[tuple[float, ...], ...]
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        slopes, offsets = np.array(self.slopes), np.array(self.offsets)
        if slopes.ndim != 2 or len(slopes) != 2 or offsets.shape != (2,):
            raise CheckpointError(f"predicted error: {slopes.shape}, {offsets.shape} are not (2, F) and (2,)")
        if not (np.isfinite(slopes).all() and np.isfinite(offsets).all()):
            raise CheckpointError("predicted error: not finite")

    def logarithms(self, features: npt.ArrayLike) -> Array:
        """Predicted logarithms (..., 2) for features (..., F)."""
        values: Array = np.asarray(features, dtype=np.float64) @ np.array(self.slopes).T + np.array(self.offsets)
        return np.clip(values, -10.0, UNKNOWN)


def fit_predicted_error(features: npt.NDArray[np.floating], errors: Array) -> PredictedError:
    """Ridge regression of the errors' logarithms.

    Args:
        features: (N, F) of fc1.
        errors: (N, 6) x y z rX rY rZ of the frames' own poses.
    """
    true = log_errors(errors)
    middle, spread = features.mean(0), features.std(0) + 1e-6
    units = (features - middle) / spread
    gram = units.T @ units + _RIDGE * len(units) * np.eye(units.shape[1])
    slopes = np.linalg.solve(gram, units.T @ (true - true.mean(0))).T / spread
    return PredictedError(tuple(map(tuple, slopes.tolist())), tuple((true.mean(0) - slopes @ middle).tolist()))


def cross_validated_errors(features: Sequence[npt.NDArray[np.floating]], errors: Sequence[Array]) -> Array | None:
    """Predicted logarithms (N, 2) of each frame of some drives, by a fit to the frames of the other folds.

    A fold is a drive, or a part of a drive where there are few.

    Args:
        features, errors: features and errors of each drive, as for `fit_predicted_error`.

    Returns:
        None where this is not better than the mean over all frames, or where there are too few frames.
    """
    if sum(map(len, features)) < _FEWEST:
        return None
    cuts = -(-_PARTS // len(features))
    parts = np.concatenate([i * cuts + np.arange(len(one)) * cuts // len(one) for i, one in enumerate(features)])
    every, wrong = np.concatenate(features), np.concatenate(errors)
    predicted = np.zeros((len(every), 2))
    for part in np.unique(parts):
        inside = parts == part
        predicted[inside] = fit_predicted_error(every[~inside], wrong[~inside]).logarithms(every[inside])
    true = log_errors(wrong)
    better = np.mean((predicted - true) ** 2, axis=0) < np.var(true, axis=0)
    return predicted if better.all() else None


def log_errors(errors: Array) -> Array:
    """(N, 2) logarithms of the metres and radians of errors (N, 6), x y z rX rY rZ, a floor added to both."""
    norms = np.linalg.norm(errors.reshape(-1, 2, 3), axis=-1)
    logarithms: Array = np.log(norms + _FLOOR)
    return logarithms
