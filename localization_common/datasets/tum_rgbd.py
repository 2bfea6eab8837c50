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
from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.picture_camera import choose_camera
from localization_common.datasets.pose_files import trajectory_findings
from localization_common.datasets.pose_interpolation import poses_at
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import FRAMES, Finding, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines
from localization_common.files.trajectory_files import read_tum, stamp_and_unit

Stamps = npt.NDArray[np.int64]

DEPTH_UNITS_PER_METRE = 5000.0
#: Largest difference of two stamps that belong together, seconds (the benchmark's).
MAX_DIFFERENCE_S = 0.02
#: Camera that the benchmark recommends where no calibration is known (the driver's factory calibration).
DEFAULT_CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
#: Calibrations published with the benchmark, by the part of the directory's name that names the sensor.
CAMERAS = {
    "freiburg1": Camera(640, 480, 517.3, 516.5, 318.6, 255.3, "plumb_bob", (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "freiburg2": Camera(640, 480, 520.9, 521.0, 325.1, 249.7, "plumb_bob", (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "freiburg3": Camera(640, 480, 535.4, 539.2, 320.1, 247.6),
}


def read_tum_rgbd(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of one directory. A colour frame gets the depth and the ground truth whose stamps are nearest.

    The pose of a frame without ground truth within 0.02 s is unknown; the depth of a frame without depth within that
    time is NaN. Frame numbers are positions in ``rgb.txt``.

    Args:
        path: directory with ``rgb.txt``; ``depth.txt`` and ``groundtruth.txt`` may be absent.
        options: ``camera``, by default that published for freiburg1..3, by the directory's name; ``max_pose_gap``
            interpolates the ground truth between poses at most that far apart, in place of taking the nearest.

    Raises:
        DatasetError: a list is malformed, or no picture exists.
    """
    options = options or RecordingOptions()
    directory = frame_files.require_directory(path)
    listed, colour, summary = _read_pictures(directory / "rgb.txt", ReadingSummary(f"{directory} (TUM RGB-D)"))
    numbers = np.array([i for i, file in enumerate(colour) if picture_files.is_file(file)], dtype=np.int64)
    if not len(numbers):
        raise DatasetError(f"{directory}: none of the {len(colour)} pictures that rgb.txt names is there ({colour[0]})")
    missing = frame_files.shown(file.name for file in colour if not picture_files.is_file(file))
    summary = summary.with_left_out(LeftOut(len(colour) - len(numbers), FRAMES, "the picture is missing", missing))
    stamps = listed[numbers]
    map_T_camera, summary = _truth(directory / "groundtruth.txt", stamps, options, summary)
    name = directory.resolve().name
    sensor = next((sensor for sensor in CAMERAS if sensor in name), None)
    camera, summary = choose_camera(
        (colour[i] for i in numbers),
        options,
        summary,
        stated=CAMERAS.get(sensor or "", DEFAULT_CAMERA),
        origin=f"published for {sensor}, which {name} names" if sensor else "the benchmark's default for a Kinect",
        assumed=True,
    )
    depth, summary = _depth(directory / "depth.txt", stamps, summary)
    frames = _TumRgbdFrames(tuple(colour[i] for i in numbers), depth, camera)
    return Sequence(
        name=name,
        camera=camera,
        frame_numbers=numbers,
        stamps=stamps,
        map_T_camera=map_T_camera,
        read_image=frames.image,
        read_depth=frames.depth if any(depth) else None,
        summary=summary,
    )


def nearest_stamps(stamps: Stamps, candidates: Stamps) -> tuple[Stamps, Stamps]:
    """Positions (N,) of the ascending candidates (M,) nearest to stamps (N,), and their distances (N,) in time."""
    after = np.clip(np.searchsorted(candidates, stamps), 1, max(1, len(candidates) - 1))
    before = after - 1
    after = np.minimum(after, len(candidates) - 1)
    to_before, to_after = np.abs(stamps - candidates[before]), np.abs(candidates[after] - stamps)
    nearest = np.where(to_before <= to_after, before, after)
    return nearest.astype(np.int64), np.minimum(to_before, to_after)


def _truth(
    path: Path, stamps: Stamps, options: RecordingOptions, summary: ReadingSummary
) -> tuple[npt.NDArray[np.float64], ReadingSummary]:
    """Poses map_T_camera (N, 4, 4) at stamps, NaN where no ground truth is near enough."""
    result = np.full((len(stamps), 4, 4), np.nan)
    if options.pose_file is not None:
        return result, summary
    if not path.is_file():
        return result, summary.with_found(Finding("truth", f"{path.name} is absent; --poses FILE gives true poses"))
    trajectory = read_tum(path)
    summary = trajectory_findings(trajectory, path, summary)
    if options.max_pose_gap is not None:
        return poses_at(stamps, trajectory.stamps, trajectory.poses, max_gap_s=options.max_pose_gap), summary
    nearest, difference = nearest_stamps(stamps, trajectory.stamps)
    near = difference <= round(MAX_DIFFERENCE_S * 1e9)
    result[near] = trajectory.poses[nearest[near]]
    if not near.all():
        far = f"{(~near).sum()} frames have no pose within {MAX_DIFFERENCE_S} s"
        smallest = f"the nearest of these is {difference[~near].min() / 1e9:.3f} s away"
        summary = summary.with_found(Finding("truth", f"{far} ({smallest}); --max-pose-gap SECONDS interpolates"))
    return result, summary


def _depth(path: Path, stamps: Stamps, summary: ReadingSummary) -> tuple[tuple[Path | None, ...], ReadingSummary]:
    """Depth picture of each frame, or None."""
    if not path.is_file():
        return (), summary
    depth_stamps, pictures = _read_list(path)[:2]
    chosen, difference = nearest_stamps(stamps, depth_stamps)
    near = difference <= round(MAX_DIFFERENCE_S * 1e9)
    depth = tuple(
        pictures[i] if close and picture_files.is_file(pictures[i]) else None
        for i, close in zip(chosen, near, strict=True)
    )
    return depth, summary.with_found(Finding("depth", f"{sum(map(bool, depth))} of {len(stamps)} frames"))


def _read_pictures(path: Path, summary: ReadingSummary) -> tuple[Stamps, tuple[Path, ...], ReadingSummary]:
    stamps, pictures, doubled, unordered = _read_list(path)
    summary = summary.with_found(Finding("pictures", f"{len(pictures) + len(doubled)} in {path.name}"))
    if unordered:
        examples = ", ".join(unordered[:3])
        summary = summary.with_found(
            Finding(
                "order", f"{len(unordered)} lines of {path.name} are earlier than the line before ({examples}); sorted"
            )
        )
    return (
        stamps,
        pictures,
        summary.with_left_out(LeftOut(len(doubled), FRAMES, f"two lines of {path.name} have one stamp", doubled)),
    )


def _read_list(path: Path) -> tuple[Stamps, tuple[Path, ...], tuple[str, ...], tuple[str, ...]]:
    """Content of a list with lines ``stamp filename``.

    Returns:
        Ascending stamps (N,) in nanoseconds, paths, lines with a repeated stamp, and lines out of order.
    """
    entries: dict[int, Path] = {}
    doubled, unordered = [], []
    last = None
    for number, line in read_lines(path):
        words = line.split(maxsplit=1)
        try:
            if len(words) < 2:
                raise ValueError("one word")
            stamp, file = stamp_and_unit(words[0].rstrip(","))[0], path.parent / words[1].strip()
        except ValueError as error:
            raise DatasetError(
                f"{path}:{number}: {line[:60]!r} is not of the form 'stamp filename' ({error})"
            ) from error
        if last is not None and stamp < last:
            unordered.append(f"line {number}")
        last = stamp
        if stamp in entries:
            doubled.append(f"line {number}")
        entries.setdefault(stamp, file)
    stamps = sorted(entries)
    return np.array(stamps, dtype=np.int64), tuple(entries[s] for s in stamps), tuple(doubled), tuple(unordered)


@dataclass(frozen=True)
class _TumRgbdFrames:
    colour_files: tuple[Path, ...]
    depth_files: tuple[Path | None, ...]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return picture_files.read_rgb(self.colour_files[position], self.camera)

    def depth(self, position: int) -> npt.NDArray[np.float32]:
        file = self.depth_files[position]
        if file is None:
            return np.full((self.camera.height, self.camera.width), np.nan, dtype=np.float32)
        return picture_files.read_depth(file, units_per_metre=DEPTH_UNITS_PER_METRE, camera=self.camera)
