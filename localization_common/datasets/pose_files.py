"""True poses of the robot's base from a TUM file beside a recording: the option ``--poses FILE``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.pose_interpolation import poses_at
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import Finding, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import StampedTrajectory, read_tum

#: Seconds between two poses over which poses are interpolated, by default.
MAX_POSE_GAP = 0.5


def with_pose_file(sequence: Sequence, options: RecordingOptions) -> Sequence:
    """Sequence with the poses of the file, interpolated at its frames; NaN where the file has none near enough.

    Args:
        sequence: frames; ``base_T_camera`` is the mount on the base whose poses the file has.
        options: ``poses``, ``max_pose_gap``.

    Raises:
        DatasetError: the file is missing or malformed, or no frame lies within its poses.
    """
    file = options.pose_file
    if file is None:
        return sequence
    trajectory = read_tum(file)
    gap = options.max_pose_gap or MAX_POSE_GAP
    map_T_base = poses_at(sequence.stamps, trajectory.stamps, trajectory.poses, max_gap_s=gap)
    if not np.isfinite(map_T_base).any():
        first, last = (sequence.stamps[i] / 1e9 for i in (0, -1))
        begin, end = (trajectory.stamps[i] / 1e9 for i in (0, -1))
        raise DatasetError(
            f"{file}: no frame of {sequence.name} lies within its poses: frames {first:.3f} to {last:.3f} s, poses "
            f"{begin:.3f} to {end:.3f} s, gaps up to {gap:g} s; is it another recording's, or another clock's?"
        )
    summary = trajectory_findings(trajectory, file, sequence.summary)
    return replace(sequence, map_T_camera=map_T_base @ sequence.base_T_camera, summary=summary)


def trajectory_findings(trajectory: StampedTrajectory, path: Path, summary: ReadingSummary) -> ReadingSummary:
    """Summary with the content of a file of poses."""
    text = f"{len(trajectory.stamps)} poses in {path.name}"
    if trajectory.unit != "seconds":
        text += f", stamps in {trajectory.unit}"
    if trajectory.unordered:
        text += f", {len(trajectory.unordered)} lines out of order (sorted)"
    return summary.with_found(Finding("truth", text)).with_left_out(
        LeftOut(len(trajectory.unknown), "poses", "not known", _lines(trajectory.unknown)),
        LeftOut(
            len(trajectory.doubled), "poses", f"two lines of {path.name} have one stamp", _lines(trajectory.doubled)
        ),
    )


def _lines(where: tuple[str, ...]) -> tuple[str, ...]:
    """Examples: file and line, without the directory."""
    return tuple(text.rpartition("/")[2] for text in where[:3])
