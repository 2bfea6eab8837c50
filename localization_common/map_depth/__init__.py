"""Depth of a drive's frames from the points of a keyframe map, for trainings without a depth camera."""

from localization_common.map_depth.map_depth import MapDepth
from localization_common.map_depth.sequences import with_map_depth

__all__ = ["MapDepth", "with_map_depth"]
