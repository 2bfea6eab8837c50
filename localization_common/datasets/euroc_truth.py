"""Ground truth of EuRoC's format: ``data.csv`` of a sensor that measures poses, and its pose on the body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.datasets import frame_files
from localization_common.datasets.camera_files import read_yaml
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.pose_interpolation import poses_at
from localization_common.datasets.summary import Finding, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines
from localization_common.geometry import se3

Poses = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]

#: Folders with ground truth, the best first; Leica's laser tracker (leica0) gives positions without orientation.
TRUTHS = ("state_groundtruth_estimate0", "mocap0", "vicon0")
_MAX_POSE_GAP = 0.5


def read_truth(
    folder: Path, stamps: Stamps, options: RecordingOptions, summary: ReadingSummary
) -> tuple[Poses, ReadingSummary]:
    """Poses map_T_body (N, 4, 4) at stamps, NaN where unknown."""
    unknown = np.full((len(stamps), 4, 4), np.nan)
    name = next((name for name in TRUTHS if (folder / name / "data.csv").is_file()), None)
    if name is None:
        leica = (folder / "leica0" / "data.csv").is_file()
        text = "leica0 gives positions without orientation" if leica else f"none of {', '.join(TRUTHS)} is there"
        return unknown, summary.with_found(Finding("truth", f"{text}; a TUM file can be given (--poses)"))
    known, map_T_sensor, summary = _read_poses(folder / name / "data.csv", summary)
    if (folder / name / "sensor.yaml").is_file():
        stated = read_yaml(folder / name / "sensor.yaml").get("T_BS")
        if stated is not None:
            map_T_sensor = map_T_sensor @ se3.inverse(body_T_sensor(stated, folder / name / "sensor.yaml"))
    gap = options.max_pose_gap or _MAX_POSE_GAP
    poses = poses_at(stamps, known, map_T_sensor, max_gap_s=gap)
    if not np.isfinite(poses).any():
        apart = f"pictures {stamps[0]} to {stamps[-1]} ns, truth {known[0]} to {known[-1]} ns"
        summary = summary.with_found(Finding("clocks", f"no picture lies within the truth: {apart}"))
    return poses, summary.with_found(Finding("truth", f"{len(known)} poses of {name}, gaps up to {gap:g} s"))


def _read_poses(path: Path, summary: ReadingSummary) -> tuple[Stamps, Poses, ReadingSummary]:
    """Stamps and map_T_sensor of lines ``stamp, x, y, z, qw, qx, qy, qz, ...``."""
    found: dict[int, Poses] = {}
    unknown = []
    for number, line in read_lines(path):
        words = line.split(",")
        try:
            stamp = stamp_of_word(words[0])
            x, y, z, qw, qx, qy, qz = (float(word) for word in words[1:8])
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: not 'timestamp [ns], x, y, z, qw, qx, qy, qz' ({error})") from error
        try:
            pose = se3.from_parts((x, y, z), (qw, qx, qy, qz))
        except ValueError:
            pose = np.full((4, 4), np.nan)
        if np.isfinite(pose).all():
            found[stamp] = pose
        else:
            unknown.append(f"line {number}")
    summary = summary.with_left_out(
        LeftOut(len(unknown), f"poses of {path.parent.name}", "not finite", frame_files.shown(unknown))
    )
    if not found:
        raise DatasetError(f"{path}: no pose in it is finite")
    stamps = sorted(found)
    return np.array(stamps, dtype=np.int64), np.stack([found[stamp] for stamp in stamps]), summary


def body_T_sensor(stated: object, file: Path) -> Poses:
    """Transform (4, 4) of a ``T_BS`` in a file.

    Raises:
        DatasetError: it is no rigid transform.
    """
    try:
        numbers = stated["data"] if isinstance(stated, dict) else stated
        matrix = np.array(numbers, dtype=np.float64).reshape(4, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{file}: T_BS is no 4x4 matrix ({error})") from error
    return frame_files.require_rigid(matrix, f"{file}: T_BS")


def stamp_of_word(word: str) -> int:
    """Nanoseconds in a word of a list.

    Raises:
        ValueError: the word is no integer, or one that is no time.
    """
    stamp = int(word)
    if abs(stamp) >= 2**63:
        raise ValueError(f"{word} is no time in nanoseconds")
    return stamp
