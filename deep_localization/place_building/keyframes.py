"""Keyframe map of a mapped place, for the refinement of poses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import cover
from localization_common.refinement.covariance_scale import calibrate
from localization_common.refinement.repeated_views import mark_repeated_views
from localization_mapping.keyframe_map_building import keyframe_map_of
from localization_mapping.mapped_place import MappedDrive, MappedPlace

#: Distances between keyframes that are kept for retrieval; points and appearances come from all keyframes.
_METRES, _RADIANS, _MOST = 0.2, float(np.radians(10.0)), 1000
#: Number of frames by which the covariances are calibrated.
_CALIBRATED = 60


def keyframes_of(place: MappedPlace, *, features: int, card: dict[str, Any]) -> KeyframeMap:
    """Build the keyframe map of a place, with its repeated views and the scale of its covariances.

    Args:
        place: the map.
        features: largest number of features in an image of the robot.
        card: origin of the map.
    """
    whole = keyframe_map_of(
        place.points, place.map_T_camera, place.tracks, place.features, place.thumbnails,
        focal=place.focal, lens=place.lens, count=features, card=card,
    )  # fmt: skip
    chosen = cover(place.map_T_camera, metres=_METRES, radians=_RADIANS, most=_MOST)
    kept = np.isin(np.arange(len(place.map_T_camera)), chosen)
    retrieved = whole.with_keyframes(kept)
    camera = place.drives[0].sequence.camera
    # The map corrects rays by its lens; those of the place are corrected.
    rays = [replace(f, rays=place.lens.distort(f.rays)) for f in (place.features[int(k)] for k in chosen)]
    marked = mark_repeated_views(retrieved, rays, camera)
    measured = calibrate(marked, [posed(drive) for drive in place.drives], most=_CALIBRATED)
    # The frames were located in this map: their errors do not contain the map's own.
    return replace(measured, covariance_scale=max(1.0, measured.covariance_scale))


def posed(drive: MappedDrive) -> Sequence:
    """Sequence of a drive's located frames, with the poses of the map."""
    return replace(drive.sequence, map_T_camera=drive.map_T_camera).with_poses()
