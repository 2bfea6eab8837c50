"""TUM RGB-D: ``rgb.txt``, ``depth.txt``, ``groundtruth.txt`` and the pictures that the first two list.

Sturm et al., A Benchmark for the Evaluation of RGB-D SLAM Systems, IROS 2012. Depth is registered to colour, in units
of 1/5000 m, 0 invalid; ground truth is the colour camera's optical frame in the motion capture's frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import files
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.trajectory_files import parse_stamp, read_tum

DEPTH_UNITS_PER_METRE = 5000.0
#: What the benchmark recommends where nothing better is known (the driver's factory calibration).
DEFAULT_CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
#: Calibrations published with the benchmark, by the part of the directory's name that tells the sensor.
CAMERAS = {
    "freiburg1": Camera(640, 480, 517.3, 516.5, 318.6, 255.3, "plumb_bob", (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "freiburg2": Camera(640, 480, 520.9, 521.0, 325.1, 249.7, "plumb_bob", (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "freiburg3": Camera(640, 480, 535.4, 539.2, 320.1, 247.6),
}


def read_tum_rgbd(path: str | Path, *, max_difference_s: float = 0.02, camera: Camera | None = None) -> Sequence:
    """One sequence directory. A colour frame takes the depth and the ground truth whose stamps are nearest.

    Frames without ground truth within the limit are left out (their numbers, positions in ``rgb.txt``, become a gap).
    Where a frame has no depth within the limit, all of its depth is NaN.

    Args:
        path: directory with ``rgb.txt`` and ``groundtruth.txt``; ``depth.txt`` may be absent.
        max_difference_s: furthest that two stamps may be apart to belong together, seconds (the benchmark's: 0.02).
        camera: intrinsics; by default those published for freiburg1..3, told from the directory's name.

    Raises:
        DatasetError: a list is missing or malformed, or no frame has ground truth within the limit.
    """
    directory = files.require_directory(path)
    limit = round(max_difference_s * 1e9)
    stamps, colour = _read_list(directory / "rgb.txt")
    pose_stamps, poses = read_tum(directory / "groundtruth.txt")
    pose_order = np.argsort(pose_stamps, kind="stable")
    nearest, difference = nearest_stamps(stamps, pose_stamps[pose_order])
    kept = np.nonzero(difference <= limit)[0]
    if len(kept) == 0:
        raise DatasetError(
            f"{directory}: none of {len(stamps)} colour frames has ground truth within {max_difference_s} s; the "
            f"nearest is {difference.min() / 1e9:.3f} s away: raise max_difference_s, or check that rgb.txt and "
            "groundtruth.txt belong together"
        )
    name = directory.resolve().name
    if camera is None:
        camera = next((c for sensor, c in CAMERAS.items() if sensor in name), DEFAULT_CAMERA)
    depth: tuple[Path | None, ...] = ()
    if (directory / "depth.txt").is_file():
        depth_stamps, depth_files = _read_list(directory / "depth.txt")
        chosen, difference = nearest_stamps(stamps[kept], depth_stamps)
        depth = tuple(depth_files[i] if d <= limit else None for i, d in zip(chosen, difference, strict=True))
    frames = _Frames(tuple(colour[i] for i in kept), depth, camera)
    return Sequence(
        name=name,
        camera=camera,
        frame_numbers=kept.astype(np.int64),
        stamps=stamps[kept],
        map_T_camera=poses[pose_order][nearest[kept]],
        read_image=frames.image,
        read_depth=frames.depth if any(depth) else None,
    )


def nearest_stamps(
    stamps: npt.NDArray[np.int64], candidates: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each stamp (N,) the position (N,) of the nearest of ascending candidates (M,), and how far it is (N,)."""
    after = np.clip(np.searchsorted(candidates, stamps), 1, max(1, len(candidates) - 1))
    before = after - 1
    after = np.minimum(after, len(candidates) - 1)
    to_before, to_after = np.abs(stamps - candidates[before]), np.abs(candidates[after] - stamps)
    nearest = np.where(to_before <= to_after, before, after)
    return nearest.astype(np.int64), np.minimum(to_before, to_after)


def _read_list(path: Path) -> tuple[npt.NDArray[np.int64], tuple[Path, ...]]:
    """Ascending stamps (N,) in nanoseconds, and paths, of a list with lines ``stamp filename``."""
    entries: dict[int, Path] = {}
    for number, line in files.read_lines(path):
        words = line.split(maxsplit=1)
        try:
            entries[parse_stamp(words[0])] = path.parent / words[1]
        except (ValueError, IndexError) as error:
            raise DatasetError(f"{path}:{number}: {line[:60]!r} is not of the form 'stamp filename'") from error
    stamps = sorted(entries)
    return np.array(stamps, dtype=np.int64), tuple(entries[stamp] for stamp in stamps)


@dataclass(frozen=True)
class _Frames:
    colour_files: tuple[Path, ...]
    depth_files: tuple[Path | None, ...]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return files.read_rgb(self.colour_files[position], self.camera)

    def depth(self, position: int) -> npt.NDArray[np.float32]:
        file = self.depth_files[position]
        if file is None:
            return np.full((self.camera.height, self.camera.width), np.nan, dtype=np.float32)
        return files.read_depth(file, units_per_metre=DEPTH_UNITS_PER_METRE, camera=self.camera)
