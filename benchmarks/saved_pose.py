"""Starts at a saved pose: ``python benchmarks/saved_pose.py --help``.

dmn starts at random frames of a drive, once at the true pose and once at the pose of another place in the map, both
with the covariance of a saved pose. Measured is when a pose is published, and whether it is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import tyro

from dmn_ros.runtime.localizer import Localizer
from localization_common.datasets import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import planar

Array = npt.NDArray[np.float64]

#: A pose within these errors is right, as in the other benchmarks of dmn: metres, radians.
_RIGHT_D, _RIGHT_A = 0.5, 0.5
#: A wrong pose is at least so far away, metres.
_ELSEWHERE = 2.0
#: Standard deviations of a saved pose: metres, radians.
_STD_D, _STD_A = 0.1, 0.05


@dataclass(frozen=True)
class SavedPoseConfig:
    """Measure starts at a saved pose.

    Attributes:
        drive: recording with true poses and odometry.
        dmn: network.
        map: context map.
        starts: number of starts of each kind.
        seconds: seconds of driving after each start.
        seed: seed of the first frames and of the wrong poses.
        threads: number of threads of torch.
    """

    drive: Path
    dmn: Path = Path("models/dmn_home.safetensors")
    map: Path = Path("build/home_map0.safetensors")
    starts: int = 30
    seconds: float = 3.0
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Start:
    """A drive after a start.

    Attributes:
        seconds: (N,) time of each frame since the first.
        published: (N,) frames with a published pose.
        right: (N,) frames whose most likely pose is right.
    """

    seconds: Array
    published: npt.NDArray[np.bool_]
    right: npt.NDArray[np.bool_]

    @property
    def last_wrong(self) -> float:
        """Time of the last wrong pose that was published, seconds; -1 without one."""
        return float(self.seconds[self.published & ~self.right].max(initial=-1.0))

    @property
    def found(self) -> bool:
        """True if the last frame has a right pose."""
        return bool(self.published[-1] and self.right[-1])


def main() -> None:
    """Run the benchmark and print its numbers."""
    config = tyro.cli(SavedPoseConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    drive = open_sequence(config.drive).with_poses()
    localizer = Localizer.from_files(config.dmn, config.map)
    localizer.set_camera(drive.camera)
    true = np.stack([planar.from_se3(pose) for pose in drive.map_T_base])
    right, wrong = [], []
    for first, elsewhere in _starts(drive, true, config):
        right.append(_drive(localizer, drive, true, first, true[first], config.seconds))
        wrong.append(_drive(localizer, drive, true, first, true[elsewhere], config.seconds))
    for name, starts in (("right", right), ("wrong", wrong)):
        last = [start.last_wrong for start in starts]
        print(f"{len(starts)} starts at a {name} pose:")
        print(f"  right pose published on the first image: {sum(bool(s.published[0] and s.right[0]) for s in starts)}")
        print(
            f"  wrong pose published on the first image: {sum(bool(s.published[0] and not s.right[0]) for s in starts)}"
        )
        print(
            f"  last wrong pose published after: {max(last):.1f} s" if max(last) >= 0.0 else "  no wrong pose published"
        )
        print(f"  right pose published after {config.seconds:g} s: {sum(start.found for start in starts)}")


def _starts(drive: Sequence, true: Array, config: SavedPoseConfig) -> Iterator[tuple[int, int]]:
    """Draw positions of first frames, each with the position of a frame in another place.

    Raises:
        DatasetError: the drive is too short, or shows no other place.
    """
    random = np.random.default_rng(config.seed)
    enough = np.flatnonzero(drive.stamps <= drive.stamps[-1] - round(1e9 * config.seconds))
    if len(enough) < config.starts:
        raise DatasetError(f"{config.drive}: too short for {config.starts} starts of {config.seconds:g} s")
    for first in random.choice(enough, config.starts, replace=False):
        far = np.flatnonzero(np.hypot(*(true - true[first])[:, :2].T) > _ELSEWHERE)
        if not len(far):
            raise DatasetError(f"{config.drive}: no two frames are {_ELSEWHERE:g} m apart")
        yield int(first), int(random.choice(far))


def _drive(localizer: Localizer, drive: Sequence, true: Array, first: int, saved: Array, seconds: float) -> Start:
    """Start at a saved pose and drive on."""
    assert drive.odom_T_base is not None
    localizer.reset_saved(saved, np.diag([_STD_D**2, _STD_D**2, _STD_A**2]))
    times, published, right = [], [], []
    for position in range(first, len(drive)):
        since = (int(drive.stamps[position]) - int(drive.stamps[first])) * 1e-9
        if since > seconds:
            break
        odometry = planar.from_se3(drive.odom_T_base[position])
        belief = localizer.step(drive.read_image(position), int(drive.stamps[position]), odometry)
        off = planar.relative(true[position], belief.most_likely)
        times.append(since)
        published.append(belief.localized)
        right.append(np.hypot(off[0], off[1]) < _RIGHT_D and abs(off[2]) < _RIGHT_A)
    return Start(np.array(times), np.array(published), np.array(right))


if __name__ == "__main__":
    main()
