"""Starts anywhere in a place: ``python benchmarks/starting_anywhere.py --help``.

The keyframe localizer starts at random frames of a drive that is not in the map, with the robot's wheel odometry and no
network. Measured is the share of the starts with a published pose after some seconds of driving, and the largest error
of the published poses. True poses are used for the errors only.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import tyro

from benchmark_file import BenchmarkFile, Column, Table, judged
from localization_common.datasets import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError, DatasetError
from localization_common.files.trajectory_files import read_tum
from localization_common.geometry import se3
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.place.place import Place
from localization_common.refinement.refiner import Refiner
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.replay import recorded_odometry, replay

Array = npt.NDArray[np.float64]

#: Share of the starts with a pose, and the largest error of a published pose in metres, that are aimed at.
SHARE, LARGEST = 0.95, 0.5


@dataclass(frozen=True)
class StartingConfig:
    """Measure starts anywhere.

    Attributes:
        drive: recording with true poses, images and, if there is any, wheel odometry.
        place: place that is localized in; its frame is aligned with that of the true poses by its own drives.
        keyframes: keyframe map, instead of a place; its frame is that of the true poses.
        starts: number of starts.
        seconds: seconds of driving after which a pose must have been published.
        seed: seed of the first frames.
        odometry: use the wheel odometry.
        json: file for the numbers.
    """

    drive: Path
    place: Path | None = None
    keyframes: Path | None = None
    starts: int = 100
    seconds: float = 3.0
    seed: int = 0
    odometry: bool = True
    json: Path | None = None


@dataclass(frozen=True)
class Start:
    """Result of one start.

    Attributes:
        frame: number of its first frame.
        seconds: seconds until the first published pose; None without one.
        metres: largest error of the published poses; 0 without one.
        degrees: largest error of the published rotations.
        published: number of published poses.
        frames: number of frames.
        reason: reason of the last frame, if no pose was published.
    """

    frame: int
    seconds: float | None
    metres: float
    degrees: float
    published: int
    frames: int
    reason: str


def first_frames(drive: Sequence, config: StartingConfig) -> npt.NDArray[np.int64]:
    """Draw positions of first frames, without repetition, that have enough seconds of the drive after them.

    Raises:
        DatasetError: the drive is too short.
    """
    last = drive.stamps[-1] - round(1e9 * config.seconds)
    possible = np.flatnonzero(drive.stamps <= last)
    if len(possible) < config.starts:
        raise DatasetError(
            f"{drive.name}: {len(possible)} frames with {config.seconds:g} s after them, {config.starts} starts are "
            "wanted: give a longer drive or fewer starts"
        )
    return np.sort(np.random.default_rng(config.seed).permutation(possible)[: config.starts])


def start(localizer: KeyframeLocalizer, drive: Sequence, first: int, seconds: float, true_T_map: Array) -> Start:
    """Start at a frame and drive on for some seconds."""
    end = int(np.searchsorted(drive.stamps, drive.stamps[first] + round(1e9 * seconds), side="right"))
    found: list[tuple[int, Array]] = []
    reason = ""
    for frame in replay(localizer, drive, positions=range(first, end)):
        if frame.estimate is not None and frame.estimate.health.published:
            found.append((frame.position, true_T_map @ frame.estimate.map_T_camera))
        else:
            reason = frame.refusal if frame.estimate is None else frame.estimate.reason
    number = int(drive.frame_numbers[first])
    if not found:
        return Start(number, None, 0.0, 0.0, 0, end - first, reason)
    positions = [position for position, _ in found]
    poses = np.stack([pose for _, pose in found]) @ se3.inverse(drive.base_T_camera)
    errors = pose_errors(poses, drive.map_T_base[positions])
    waited = 1e-9 * float(drive.stamps[positions[0]] - drive.stamps[first])
    return Start(number, waited, float(errors.metres.max()), float(errors.degrees.max()), len(found), end - first, "")


def alignment(place: Place) -> Array:
    """Fit the rigid transform (4, 4) from a place's frame to that of the true poses of its drives."""
    placed, true = [], []
    for drive in place.description.drives:
        sequence, located = open_sequence(drive.recording), read_tum(place.poses(drive.name))
        rows = np.searchsorted(sequence.stamps, located.stamps)
        placed.append(located.poses[:, :3, 3])
        true.append(sequence.map_T_base[rows, :3, 3])
    return aligned(np.concatenate(placed), np.concatenate(true))


def aligned(ours: Array, theirs: Array) -> Array:
    """Fit the rigid transform (4, 4) from positions (N, 3) to others (N, 3) by least squares."""
    middle, goal = ours.mean(axis=0), theirs.mean(axis=0)
    theirs_T_ours = np.eye(4)
    theirs_T_ours[:3, :3] = se3.nearest_rotation((theirs - goal).T @ (ours - middle))
    theirs_T_ours[:3, 3] = goal - theirs_T_ours[:3, :3] @ middle
    return theirs_T_ours


def table(starts: Many[Start]) -> Table:
    """Tabulate the results of all starts."""
    waited = [s.seconds for s in starts if s.seconds is not None]
    metres = [s.metres for s in starts if s.seconds is not None]
    columns = (
        Column("starts", "{}"),
        Column("with a pose", "{:.1%}"),
        Column("first pose, median", "{:.1f} s"),
        Column("largest error, median", "{:.3f} m"),
        Column("largest error", "{:.3f} m"),
        Column("starts with an error above 0.5 m", "{}"),
    )
    middle, typical, worst = (float(np.median(waited)), float(np.median(metres)), max(metres)) if waited else [None] * 3
    wrong = sum(s.metres > LARGEST for s in starts)
    return Table("Starts", columns, [[len(starts), len(waited) / len(starts), middle, typical, worst, wrong]])


def notes(starts: Many[Start], seconds: float) -> dict[str, str]:
    """Compare with the aims."""
    share = sum(s.seconds is not None for s in starts) / len(starts)
    worst = max(s.metres for s in starts)
    return {
        f"pose published within {seconds:g} s: in {100 * SHARE:.0f} of 100 starts": (
            f"{100 * share:.1f} of 100: {judged(share >= SHARE)}"
        ),
        f"largest error of a published pose: up to {LARGEST} m": f"{worst:.3f} m: {judged(worst <= LARGEST)}",
    }


@torch.inference_mode()
def main() -> None:
    """Run the benchmark, print the table, write the file."""
    config = tyro.cli(StartingConfig, description=__doc__)
    torch.set_num_threads(1)
    place = None if config.place is None else Place.open(config.place)
    if (place is None) == (config.keyframes is None):
        raise ConfigError("give either a place or a keyframe map")
    path = config.keyframes or place.file("keyframes")  # type: ignore[union-attr]  # one of them is given
    drive = open_sequence(config.drive).with_poses()
    odometry = recorded_odometry(drive) if config.odometry else None
    localizer = KeyframeLocalizer(Refiner(KeyframeMap.load(path)), odometry, frozen_after=0)
    true_T_map = np.eye(4) if place is None else alignment(place)
    starts = [start(localizer, drive, int(first), config.seconds, true_T_map) for first in first_frames(drive, config)]
    BenchmarkFile.of(
        __file__,
        title="Starts anywhere in a place, without a network trained there",
        tables=[table(starts)],
        notes=notes(starts, config.seconds),
        runs={"starts": [asdict(s) for s in starts]},
    ).publish(config.json)


if __name__ == "__main__":
    main()
