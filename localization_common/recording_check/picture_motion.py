"""Rotation of the camera between two pictures, from matches of their features."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets.sequence import Image, Sequence
from localization_common.errors import LocalizationError
from localization_common.geometry import se3
from localization_common.recording_check.samples import judged

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Number of features in a picture; number of matches that must agree on one motion, and their largest error in pixels.
_FEATURES, _MIN_MATCHES, _PIXELS = 600, 25, 1.0
#: Seconds between the two pictures of a pair: enough to turn by some degrees, few enough to see the same.
_APART_S = 0.25
#: Largest turn in degrees; beyond it two pictures have too little in common.
_MOST_DEG = 25.0


@dataclass(frozen=True)
class PictureTurns:
    """Rotations between M pairs of pictures.

    Attributes:
        first, last: (M,) positions in the sequence.
        turns: (M, 3) rotation vectors in radians, in the camera's frame: first_T_last.
    """

    first: Indices
    last: Indices
    turns: Array


def picture_turns(sequence: Sequence, poses: Array, pairs: int) -> PictureTurns:
    """Rotations between pairs of pictures.

    A third of the pairs is where the camera turns most, a third where its turning changes most (these show an offset in
    time), and a third anywhere.

    Args:
        sequence: sequence with the pictures.
        poses: (N, 4, 4) poses of the camera in any fixed frame, for the choice of the pairs; NaN where unknown.
        pairs: largest number of pairs.
    """
    cv2.setRNGSeed(0)  # the same recording gives the same numbers
    first, last = _chosen(sequence, poses, pairs)
    found = []
    for row, (i, j) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        try:
            turn = turn_between(sequence.camera, sequence.read_image(i), sequence.read_image(j))
        except LocalizationError:
            continue  # `sample_pictures` counts unreadable pictures
        if turn is not None:
            found.append((row, turn))
    rows = np.array([row for row, _ in found], dtype=np.int64)
    turns = np.array([turn for _, turn in found], dtype=np.float64).reshape(-1, 3)
    return PictureTurns(first[rows], last[rows], turns)


def turn_between(camera: Camera, first: Image, last: Image) -> Array | None:
    """Rotation vector (3,) in radians of the camera from one picture to another.

    It comes from the essential matrix on which most matches of ORB features agree. None if the pictures have too little
    in common, or are the same picture.
    """
    grey = [judged(image) for image in (first, last)]
    if np.array_equal(grey[0], grey[1]):
        return None
    seen = camera.resized(grey[0].shape[1], grey[0].shape[0])
    detector = cv2.ORB_create(_FEATURES)  # type: ignore[attr-defined]  # OpenCV's own types lack it
    (here, words), (there, others) = (detector.detectAndCompute(image, None) for image in grey)
    if words is None or others is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(words, others)
    if len(matches) < _MIN_MATCHES:
        return None
    before = seen.rays(np.array([here[match.queryIdx].pt for match in matches]))
    after = seen.rays(np.array([there[match.trainIdx].pt for match in matches]))
    essential, agree = cv2.findEssentialMat(before, after, np.eye(3), cv2.RANSAC, 0.999, _PIXELS / seen.fx)
    if essential is None or essential.shape != (3, 3) or int(agree.sum()) < _MIN_MATCHES:
        return None
    _, last_R_first, _, _ = cv2.recoverPose(essential, before, after, np.eye(3), mask=agree)
    return np.asarray(cv2.Rodrigues(last_R_first.T)[0].ravel(), dtype=np.float64)


def _chosen(sequence: Sequence, poses: Array, pairs: int) -> tuple[Indices, Indices]:
    steps = np.diff(sequence.stamps) * 1e-9
    ahead = max(1, round(_APART_S / float(np.median(steps)))) if len(steps) else 1
    first = np.arange(max(0, len(sequence) - ahead))
    known = np.isfinite(poses[:, 0, 0])
    near = (sequence.stamps[first + ahead] - sequence.stamps[first]) * 1e-9 < 2.0 * ahead * float(np.median(steps))
    first = first[known[first] & known[first + ahead] & near]
    first = first[:: max(1, len(first) // (8 * pairs))]
    if len(first) == 0:
        return first, first
    motions = se3.inverse(poses[first]) @ poses[first + ahead]
    degrees = np.degrees(se3.rotation_angle(motions[:, :3, :3]))
    usable = degrees <= _MOST_DEG
    changes = np.abs(np.gradient(degrees)) if len(degrees) > 1 else np.zeros(len(degrees))
    most, changing = (
        first[np.argsort(np.where(usable, -values, 0.0), kind="stable")[: pairs // 3]] for values in (degrees, changes)
    )
    anywhere = first[np.linspace(0, len(first) - 1, pairs - 2 * (pairs // 3)).round().astype(np.int64)]
    chosen = np.unique(np.concatenate([most, changing, anywhere]))
    return chosen, chosen + ahead
