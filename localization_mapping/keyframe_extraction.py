"""Features of the keyframes of a drive, and the depth at each feature."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.features import FeatureExtractor, Features
from localization_common.keyframes.retrieval import thumbnail
from localization_mapping.keyframe_set import KeyframeSet, StoredFeatures
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Tick

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def map_focal(sequence: Sequence, options: MappingOptions) -> float:
    """Focal length in pixels at which features of a map are found, from its first drive."""
    return float(sequence.camera.fx * min(1.0, options.width / sequence.camera.width))


def extract(
    sequence: Sequence, positions: Indices, *, drive: int, focal: float, options: MappingOptions, tick: Tick
) -> KeyframeSet:
    """Extract features, depths and thumbnails of the keyframes of a drive.

    Args:
        sequence: drive.
        positions: (K,) positions of the keyframes.
        drive: index of the drive.
        focal: focal length of the map's features, pixels.
        options: parameters of the mapping.
        tick: called after each keyframe.
    """
    extractor = FeatureExtractor(sequence.camera, focal=focal, count=options.features, contrast=options.contrast)
    odometry = np.tile(np.eye(4), (len(positions), 1, 1))
    if sequence.odom_T_base is not None:
        odometry = sequence.odom_T_base[positions]
    features, depths, thumbnails = [], [], []
    for position in positions.tolist():
        image = sequence.read_image(position)
        found = extractor(image)
        features.append(found)
        depths.append(feature_depths(sequence, position, found))
        thumbnails.append(thumbnail(image))
        tick()
    return KeyframeSet(
        drive=np.full(len(positions), drive),
        position=positions,
        odom_T_base=odometry,
        motion_factor=np.ones(len(positions)),
        base_T_camera=np.tile(sequence.base_T_camera, (len(positions), 1, 1)),
        features=StoredFeatures.of(features, depths),
        thumbnails=np.stack(thumbnails),
        focal=focal,
    )


def feature_depths(sequence: Sequence, position: int, features: Features) -> Floats:
    """Read the depth (N,) in metres at features; NaN where it is unknown or changes within a pixel's neighbours."""
    if sequence.read_depth is None:
        return np.full(len(features), np.nan, dtype=np.float32)
    depth = sequence.read_depth(position)
    pixels = np.rint(sequence.camera.project(features.rays)).astype(np.int64)
    height, width = depth.shape
    x, y = pixels[:, 0].clip(1, width - 2), pixels[:, 1].clip(1, height - 2)
    around = np.stack([depth[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    middle, spread = around[4], around.max(axis=0) - around.min(axis=0)
    inside = (pixels[:, 0] == x) & (pixels[:, 1] == y)
    # At an edge the depth belongs to either side; NaN in the neighbourhood makes the spread NaN.
    return np.where(inside & (spread < 0.05 * middle) & (middle > 0.1), middle, np.nan).astype(np.float32)
