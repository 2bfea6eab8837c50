"""Sequences without a depth camera, with the depth of a map's points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import Finding
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.map_depth.map_depth import MapDepth


def with_map_depth(sequence: Sequence, keyframe_map: KeyframeMap) -> Sequence:
    """Return the sequence with depth from the points of a map; unchanged if it has the depth of a camera.

    Args:
        sequence: frames with poses in the frame of the map's given poses; frames without a pose get no depth.
        keyframe_map: map of the place.

    Raises:
        CameraError: the camera has less than half the detail of the map's images.
    """
    if sequence.read_depth is not None:
        return sequence
    found = Finding("depth", f"from the {len(keyframe_map.points)} points of the keyframe map, where they are seen")
    read = _MapDepthOfFrames(sequence, MapDepth(keyframe_map, sequence.camera))
    return replace(sequence, read_depth=read, summary=sequence.summary.with_found(found))


@dataclass(frozen=True)
class _MapDepthOfFrames:
    """Reader of the frames' depth."""

    sequence: Sequence
    depth: MapDepth

    def __call__(self, position: int) -> npt.NDArray[np.float32]:
        pose = self.sequence.map_T_camera[position]
        if not np.isfinite(pose).all():
            return np.full((self.sequence.camera.height, self.sequence.camera.width), np.nan, dtype=np.float32)
        return self.depth(self.sequence.read_image(position), pose)
