"""Errors of poses and scores of segmentations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transforms3d import axangles

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]

#: Label of pixels that are not counted.
IGNORE = 255


@dataclass(frozen=True)
class PoseErrors:
    """Errors of N estimated poses.

    Attributes:
        metres: (N,) distances between the positions.
        degrees: (N,) angles between the rotations, 0..180.
    """

    metres: Array
    degrees: Array

    @property
    def median_m(self) -> float:
        """Median distance in metres; NaN without poses."""
        return _median(self.metres)

    @property
    def median_deg(self) -> float:
        """Median angle in degrees; NaN without poses."""
        return _median(self.degrees)

    def share_within(self, metres: float = 0.05, degrees: float = 5.0) -> float:
        """Share 0..1 of the poses with *both* errors at most these (7-Scenes: 5 cm and 5 deg); NaN without poses."""
        if len(self.metres) == 0:
            return float("nan")
        return float(((self.metres <= metres) & (self.degrees <= degrees)).mean())


def twist_errors(estimated: Array, truth: Array) -> Array:
    """Errors (N, 6) x y z rX rY rZ of poses (N, 4, 4), metres and radians, about the axes of their common frame."""
    turned = estimated[:, :3, :3] @ np.swapaxes(truth[:, :3, :3], 1, 2)
    vectors = [np.multiply(*axangles.mat2axangle(rotation)) for rotation in turned]
    return np.concatenate([estimated[:, :3, 3] - truth[:, :3, 3], np.stack(vectors)], axis=1)


def pose_errors(estimated: Array, truth: Array) -> PoseErrors:
    """Errors of poses (N, 4, 4) against the true ones (N, 4, 4), in the same frame, without any alignment.

    Raises:
        ValueError: the shapes differ or are not (N, 4, 4).
    """
    if estimated.shape != truth.shape or estimated.shape[1:] != (4, 4):
        raise ValueError(f"poses {estimated.shape} and truth {truth.shape} must both be (N, 4, 4)")
    metres = np.linalg.norm(estimated[:, :3, 3] - truth[:, :3, 3], axis=-1)
    rotation = np.swapaxes(truth[:, :3, :3], -1, -2) @ estimated[:, :3, :3]
    return PoseErrors(metres, np.degrees(se3.rotation_angle(rotation)))


class SegmentationScore:
    """Intersection over union, added up image by image.

    Args:
        classes: number C of classes; labels are 0..C-1, and pixels with 255 in the truth are not counted.

    Example:
        >>> score = SegmentationScore(2)
        >>> score.add(np.array([0, 0, 1], np.uint8), np.array([0, 1, 1], np.uint8))
        >>> score.mean_iou
        0.5
    """

    def __init__(self, classes: int) -> None:
        #: (C, C) numbers of pixels, [true class, predicted class].
        self.confusion: npt.NDArray[np.int64] = np.zeros((classes, classes), dtype=np.int64)
        self._missed: npt.NDArray[np.int64] = np.zeros(classes, dtype=np.int64)

    def add(self, predicted: Labels, truth: Labels) -> None:
        """Count an image's pixels. Pixels with 255 in the truth are left out; 255 in the prediction only is wrong.

        Raises:
            ValueError: the shapes differ, or a label is neither a class nor 255.
        """
        if predicted.shape != truth.shape:
            raise ValueError(f"labels {predicted.shape} and truth {truth.shape} differ in shape")
        classes = len(self.confusion)
        for name, labels in (("predicted", predicted), ("true", truth)):
            wrong = labels[(labels >= classes) & (labels != IGNORE)]
            if wrong.size:
                raise ValueError(f"{name} label {int(wrong.max())} is not one of {classes} classes")
        counted = truth != IGNORE
        true, guess = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
        answered = guess != IGNORE
        self._missed += np.bincount(true[~answered], minlength=classes)
        index = true[answered] * classes + guess[answered]
        self.confusion += np.bincount(index, minlength=classes * classes).reshape(classes, classes)

    @property
    def iou(self) -> Array:
        """(C,) intersection over union of each class, 0..1; NaN for a class neither in the truth nor predicted."""
        intersection = np.diag(self.confusion).astype(np.float64)
        union = self.confusion.sum(0) + self.confusion.sum(1) + self._missed - intersection
        return np.divide(intersection, union, out=np.full(len(union), np.nan), where=union > 0)

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that are in the truth or predicted, 0..1; NaN if there are none."""
        present = self.iou[~np.isnan(self.iou)]
        return float(present.mean()) if len(present) else float("nan")

    @property
    def pixel_accuracy(self) -> float:
        """Share of counted pixels with the right label, 0..1; NaN without pixels."""
        total = int(self.confusion.sum() + self._missed.sum())
        return float(np.trace(self.confusion)) / total if total else float("nan")


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else float("nan")
