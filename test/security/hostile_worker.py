"""Process that reads hostile files, named by lines of stdin, and reports on each as a line of JSON.

The first line of the answers is ``ready``. A question is ``READER PATH``. Its answer has the seconds of the processor,
since other processes may keep the computer busy, by how many megabytes the peak of memory grew, and one of: the
error's text (``refused``), nothing (``used``), or what is wrong (``fault``).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.camera import Camera
from localization_common.datasets.camera_files import read_camera
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.world_shards import read_world_shards
from localization_common.errors import EstimateError, LocalizationError
from localization_common.files.trajectory_files import read_tum
from localization_common.geometry.se3 import FARTHEST
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.place import Place
from localization_common.place.saved_pose import pose_file, read_saved_pose
from localization_common.refinement.refiner import Guess, Refiner
from localization_common.ros.estimate_checks import require_covariance, require_planar, require_pose
from localization_mapping.occupancy.map_files import read_map_files
from vlocnet_ros.runtime.localizer import Localizer

CAMERA = Camera.from_field_of_view(160, 120, 90.0)
#: Camera with the focal length of the keyframe map.
NARROW = Camera(160, 120, 400.0, 400.0, 79.5, 59.5)
#: Memory that one case may take before the process gets MemoryError, bytes; far beyond what is allowed.
_MOST = 3 << 30
SECOND = 1_000_000_000


def pictures() -> Iterator[np.ndarray[Any, Any]]:
    """Pictures of the camera."""
    random = np.random.default_rng(0)
    while True:
        yield np.ascontiguousarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1))


def vlocnet(path: Path) -> None:
    """Localize with a checkpoint; what the last border refuses counts as refused."""
    localizer = Localizer.from_checkpoint(path)
    localizer.set_camera(CAMERA)
    for number, image in zip(range(3), pictures(), strict=False):
        estimate = localizer.step(image, number * SECOND // 5)
        if estimate.health.published:
            require_pose("pose", estimate.map_T_camera)
            require_covariance("pose", estimate.covariance)
        if estimate.previous_T_camera is not None:
            require_pose("motion", estimate.previous_T_camera)


def dmn(path: Path) -> None:
    """Localize with the network and the map in a folder."""
    small = FilterConfig(max_particles=500, min_particles=100)
    localizer = DmnLocalizer.from_files(path / "dmn.safetensors", path / "map.safetensors", filter_config=small)
    localizer.set_camera(CAMERA)
    require_planar("views", localizer.context_map.poses)
    for number, image in zip(range(3), pictures(), strict=False):
        belief = localizer.step(image, number * SECOND // 5, (0.3 * number, 0.0, 0.0))
        require_planar("particles", belief.particles, belief.weights)
        if belief.localized:
            require_covariance("pose", belief.pose_covariance)


def keyframes(path: Path) -> None:
    """Refine poses with a keyframe map."""
    refiner = Refiner(KeyframeMap.load(path))
    refiner.set_camera(NARROW)
    for image, _ in zip(pictures(), range(2), strict=False):
        refined = refiner.step(image, [Guess(np.eye(4), np.eye(6))])
        if refined.map_T_camera is not None:
            require_pose("pose", refined.map_T_camera)
            require_covariance("pose", refined.covariance)


def recording(path: Path) -> None:
    """Read every frame of a recording; a picture that cannot be read is refused alone."""
    sequence = open_sequence(path)
    for i in range(len(sequence)):
        for read in (sequence.read_image, sequence.read_depth, sequence.read_labels):
            with contextlib.suppress(LocalizationError):
                if read is not None:
                    read(i)
    known = sequence.map_T_camera[sequence.has_pose]
    require_possible("poses", known)
    require_possible("mount", sequence.base_T_camera)
    require_possible("camera", sequence.camera.matrix)
    if sequence.odom_T_base is not None:
        require_possible("odometry", sequence.odom_T_base[sequence.has_odometry])


def camera(path: Path) -> None:
    """Read a camera."""
    require_possible("camera", read_camera(path, size=(64, 48)).matrix)


def poses(path: Path) -> None:
    """Read a TUM file."""
    require_possible("poses", read_tum(path).poses)


def place(path: Path) -> None:
    """Read the description of a place and the poses in it."""
    opened = Place.open(path)
    for drive in opened.description.drives:
        require_possible("mount", drive.mount)
        require_possible("poses", read_tum(opened.poses(drive.name)).poses)


def saved_pose(path: Path) -> None:
    """Read the last pose in a place."""
    kitchen = Place.open(path / "kitchen")
    pose = read_saved_pose(pose_file(kitchen, "/dmn"), kitchen)
    if pose is not None:
        require_pose("pose", pose.map_T_base)
        require_covariance("pose", pose.covariance_matrix)


def occupancy(path: Path) -> None:
    """Read an occupancy grid."""
    require_possible("bounds", np.array(read_map_files(path).area.bounds))


def worlds(path: Path) -> None:
    """Read worlds."""
    require_possible("poses", read_world_shards(path).poses)


READERS: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (vlocnet, dmn, keyframes, recording, camera, poses, place, saved_pose, occupancy, worlds)
}


class ImpossibleError(Exception):
    """Error: a reader gave numbers that cannot be."""


def require_possible(what: str, values: np.ndarray[Any, Any]) -> None:
    """Refuse numbers that are not finite, or larger than any on Earth."""
    if not np.isfinite(values).all() or (values.size and np.abs(values).max() > 2.0 * FARTHEST):
        raise ImpossibleError(f"{what}: {values.tolist()!s:.300}")


def peak_megabytes(*, reset: bool = False) -> float:
    """Peak of this process's memory."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def answer(reader: str, path: Path) -> dict[str, Any]:
    """Read one file; an unknown reader ends the process."""
    read = READERS[reader]
    before, start = peak_megabytes(reset=True), time.process_time()
    try:
        read(path)
        found: dict[str, Any] = {"used": True}
    except EstimateError as error:
        found = {"withheld": str(error)}
    except LocalizationError as error:
        found = {"refused": str(error)}
    except BaseException as error:
        found = {"fault": "".join(traceback.format_exception(error))[-1500:]}
    return {**found, "seconds": time.process_time() - start, "megabytes": peak_megabytes() - before}


def main() -> None:
    """Answer every line of stdin; what libraries print goes to stderr."""
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (used + _MOST, used + _MOST))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        reader, _, path = line.rstrip("\n").partition(" ")
        print(json.dumps(answer(reader, Path(path))), file=answers, flush=True)


if __name__ == "__main__":
    main()
