"""Mapping of drives: from recordings to poses, keyframes and points in one map frame, without ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from localization_common.datasets import sequence as data
from localization_common.errors import DatasetError
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.mapping_stages import MappingStages
from localization_mapping.measured_length import MeasuredLength
from localization_mapping.monocular import map_without_odometry
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Progress, silent
from localization_mapping.stage_cache import StageCache
from localization_mapping.stored_map import StoredMap

#: Length of a mapping that needs none.
_NO_LENGTH = MeasuredLength()


def map_drives(
    sequences: Sequence[data.Sequence],
    options: MappingOptions | None = None,
    *,
    existing: StoredMap | None = None,
    length: MeasuredLength = _NO_LENGTH,
    cache: Path | None = None,
    progress: Progress = silent,
) -> MappedPlace:
    """Map drives through one place.

    Args:
        sequences: drives; their true poses are not used. Those without wheel odometry and depth need structure from
            motion (pycolmap).
        options: parameters of the mapping.
        existing: map of the first of the drives, which is extended by the others; None maps all drives.
        length: measured length, for the scale of drives without wheel odometry and depth.
        cache: folder for the results of finished stages, from which a killed mapping goes on.
        progress: shows the progress.

    Raises:
        ConfigError: a drive needs pycolmap, which is not installed; or the drives do not need the length, or do not
            have its frames.
        DatasetError: a drive has too little texture or motion, or shows nothing that others show.
    """
    drives = tuple(s.with_odometry() if s.odom_T_base is not None else s for s in sequences)
    without = [drive.name for drive in drives if drive.odom_T_base is None and drive.read_depth is None]
    if without and (existing is not None or len(without) < len(drives)):
        raise DatasetError(
            f"{', '.join(without)}: neither wheel odometry nor depth images, which the other drives have; a map is "
            "made with them or without them: record the robot's odometry, or map these drives alone"
        )
    length.require_fits(drives)
    run = MappingStages(drives, options or MappingOptions(), existing, StageCache(cache), progress)
    keyframes = run.keyframes()
    if without:
        return map_without_odometry(
            drives, keyframes, run.options, length, stages=run.stages, inputs=run.inputs, progress=progress
        )
    initial = run.initial(keyframes)
    matches = run.matches(keyframes, initial)
    structure, tracks, up = run.adjusted(keyframes, initial, matches)
    return run.place(keyframes, initial, matches, structure, tracks, up)
