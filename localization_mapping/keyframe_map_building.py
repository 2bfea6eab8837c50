"""Keyframe map of a structure: its points with the appearances that the keyframes saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.adjustment import AdjustedKeyframes
from localization_common.keyframes.appearances import appearances
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.features import Features
from localization_common.keyframes.frame_correction import FrameCorrection
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.triangulation import residuals

Array = npt.NDArray[np.float64]

#: Width of the kernel of a correction that is zero all over the map.
_METRES, _RADIANS = 1.0, 1.0


def keyframe_map_of(
    points: Array,
    map_T_camera: Array,
    tracks: FeatureTracks,
    features: Sequence[Features],
    thumbnails: npt.NDArray[np.uint8],
    *,
    focal: float,
    lens: LensCorrection,
    count: int,
    card: dict[str, Any],
) -> KeyframeMap:
    """Return the map of points (P, 3), as they were adjusted: it needs no correction to another frame.

    Args:
        points: points of the map.
        map_T_camera: (K, 4, 4) poses of the keyframes.
        tracks: observations of the points.
        features: features of the keyframes.
        thumbnails: (K, T) uint8 thumbnails of the keyframes.
        lens: lens by which the rays of the features were corrected.
        focal: focal length of the images in which the features were found, pixels.
        count: largest number of features in one image.
        card: origin of the map.
    """
    adjusted = AdjustedKeyframes(points, map_T_camera, LensCorrection())
    error = residuals(points[tracks.point], map_T_camera[tracks.keyframe], tracks.observed([f.rays for f in features]))
    return KeyframeMap(
        points=points.astype(np.float32),
        **appearances(features, tracks, adjusted),
        correction=FrameCorrection(map_T_camera, map_T_camera, _METRES, _RADIANS, np.zeros((2, 6))),
        thumbnails=thumbnails,
        repeated_view=np.zeros(len(map_T_camera), dtype=np.bool_),
        lens=lens,
        focal=focal,
        features=count,
        covariance_scale=1.0,
        noise=float(np.sqrt(np.mean(error[np.isfinite(error)] ** 2) / 2.0)),
        card=card | {"observations": len(tracks.point)},
        image_vectors=ImageVectors.of([f.descriptors for f in features]),
    ).tiled()
