"""Result of mapping: drives through one place in one map frame, with keyframes and points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.datasets import sequence as data
from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.features import Features
from localization_common.keyframes.lens_correction import LensCorrection
from localization_mapping.stored_map import StoredMap

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scale:
    """Scale of a map.

    Attributes:
        metric: True if the map's unit is the metre.
        source: measurement that the scale comes from, in words: ``wheel odometry``, ``depth camera``, ...
        std: standard deviation of the scale as a share of it; NaN if it is not known.
    """

    metric: bool
    source: str
    std: float = float("nan")


@dataclass(frozen=True)
class MappedDrive:
    """A drive with a pose for every frame that could be located.

    Attributes:
        sequence: the recording; its true poses are not used.
        map_T_camera: (N, 4, 4) poses of the camera; a row is NaN where the frame could not be located.
        residual: (N,) root mean square error of the frame's points, pixels of its images; NaN without points.
        inliers: (N,) number of points that agree with the pose; 0 where odometry alone gives the pose.
    """

    sequence: data.Sequence
    map_T_camera: Array
    residual: Array
    inliers: Indices

    @property
    def located(self) -> npt.NDArray[np.bool_]:
        """(N,) True where the frame has a pose."""
        return np.asarray(np.isfinite(self.map_T_camera[:, 0, 0]))

    @property
    def map_T_base(self) -> Array:
        """(N, 4, 4) poses of the robot's base; a row is NaN where the frame could not be located."""
        return self.map_T_camera @ se3.inverse(self.sequence.base_T_camera)


@dataclass(frozen=True)
class MappedPlace:
    """Drives through one place in one map frame.

    The map frame's z axis points up. Its origin is the base of the first drive's first located frame, whose heading
    is the x axis; a robot that drives in a plane has z = 0 all over the map.

    Attributes:
        drives: the drives.
        keyframe_drive: (K,) index of each keyframe's drive.
        keyframe_position: (K,) position of each keyframe in its drive.
        map_T_camera: (K, 4, 4) poses of the keyframes.
        features: features of each keyframe.
        thumbnails: (K, T) uint8 thumbnails of the keyframes.
        focal: focal length of the images in which the features were found, pixels.
        points: (P, 3) points, metres in the map.
        tracks: observations of the points in the keyframes.
        scale: scale of the map.
        closures: (L, 2) pairs of keyframes that see the same points but are far apart in time or in drives.
        lens: difference between the calibration of the cameras and their images; 1 and 0 if it was not estimated.
        stored: data that later drives extend the map with.
        notes: findings for the report: assumptions, and input that was left out.
    """

    drives: tuple[MappedDrive, ...]
    keyframe_drive: Indices
    keyframe_position: Indices
    map_T_camera: Array
    features: Sequence[Features]
    thumbnails: npt.NDArray[np.uint8]
    focal: float
    points: Array
    tracks: FeatureTracks
    scale: Scale
    closures: Indices
    lens: LensCorrection = field(default_factory=LensCorrection)
    stored: StoredMap | None = None
    notes: tuple[str, ...] = field(default=())
