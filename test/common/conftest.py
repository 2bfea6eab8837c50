"""Small data sets on disk, in the published formats, with contents that tests can compute again."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_frames import SevenScenes, class_ids, drive_pose, picture, pose, write_rgb
from hypothesis import settings
from scipy.spatial.transform import Rotation

# No time limit for an example: it would fail sometimes on a busy machine. The same examples each time.
settings.register_profile("busy_machine", deadline=None, max_examples=60, derandomize=True, database=None)
settings.load_profile("busy_machine")


@pytest.fixture
def seven_scenes(tmp_path: Path) -> SevenScenes:
    """Function that writes ``scene/<name>`` with the given frame numbers, and returns its directory."""

    def write(
        numbers: tuple[int, ...] = (0, 1, 2, 5), *, name: str = "seq-01", ending: str = "png", depth: bool = True
    ) -> Path:
        directory = tmp_path / "scene" / name
        directory.mkdir(parents=True)
        for number in numbers:
            stem = directory / f"frame-{number:06d}"
            write_rgb(stem.with_name(f"{stem.name}.color.{ending}"), picture(number))
            np.savetxt(
                stem.with_name(f"{stem.name}.pose.txt"), pose(number), fmt="%.7e", delimiter="\t", newline="\t\n"
            )
            if depth:
                millimetres = np.full((480, 640), 1000 + number, np.uint16)
                millimetres[:200] = 65535
                millimetres[:, :100] = 0
                cv2.imwrite(str(stem.with_name(f"{stem.name}.depth.png")), millimetres)
        return directory

    return write


@pytest.fixture
def deeploc(tmp_path: Path) -> Path:
    """Directory of DeepLoc: images 3, 4, 5, 12 (train) and 7, 8 (test) of 128x72; train's 5 has no labels."""
    root = tmp_path / "DeepLoc"
    for split, numbers in (("train", (3, 4, 5, 12)), ("test", (7, 8))):
        for folder in ("LeftImages", "labels", "labels_colorized"):
            (root / split / folder).mkdir(parents=True)
        lines = ["DeepLoc poses", "img_name x y z qw qx qy qz"]
        for number in reversed(numbers):
            write_rgb(root / split / "LeftImages" / f"Image_{number}.png", picture(number, (128, 72)))
            if number != 5:
                cv2.imwrite(str(root / split / "labels" / f"Image_{number}.png"), class_ids(number))
            x, y, z, w = Rotation.from_matrix(drive_pose(number)[:3, :3]).as_quat()
            position = " ".join(f"{value:.8f}" for value in drive_pose(number)[:3, 3])
            lines.append(f"Image_{number} {position} {w:.8f} {x:.8f} {y:.8f} {z:.8f}")
        (root / split / "poses.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def tum(tmp_path: Path) -> Path:
    """Directory of TUM RGB-D: colour at 30 Hz, depth 12 ms later, ground truth at 100 Hz that ends early."""
    directory = tmp_path / "rgbd_dataset_freiburg3_made"
    (directory / "rgb").mkdir(parents=True)
    (directory / "depth").mkdir()
    colour, depth = ["# color images", "# timestamp filename"], ["# depth maps"]
    start = 1305031102.175304
    for number in range(6):
        stamp = f"{start + number / 30:.6f}"
        write_rgb(directory / "rgb" / f"{stamp}.png", picture(number))
        colour.append(f"{stamp} rgb/{stamp}.png")
        later = f"{start + number / 30 + 0.012:.6f}"
        units = np.full((480, 640), 5000 * (number + 1), np.uint16)
        units[0, 0] = 0
        cv2.imwrite(str(directory / "depth" / f"{later}.png"), units)
        if number != 2:
            depth.append(f"{later} depth/{later}.png")
    truth = ["# timestamp tx ty tz qx qy qz qw"]
    for step in range(12):
        x, y, z, w = Rotation.from_matrix(pose(step)[:3, :3]).as_quat()
        position = " ".join(f"{value:.6f}" for value in pose(step)[:3, 3])
        truth.append(f"{start + step / 100:.4f} {position} {x:.8f} {y:.8f} {z:.8f} {w:.8f}")
    for name, lines in (("rgb", colour), ("depth", depth), ("groundtruth", truth)):
        (directory / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return directory


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    """Directory of KITTI odometry: grey images 0, 1, 2, 4 of both cameras, five times and poses."""
    directory = tmp_path / "sequences" / "07"
    grey = cv2.cvtColor(picture(3, (200, 60)), cv2.COLOR_RGB2GRAY)
    for camera in (0, 1):
        (directory / f"image_{camera}").mkdir(parents=True)
        for number in (0, 1, 2, 4):
            cv2.imwrite(str(directory / f"image_{camera}" / f"{number:06d}.png"), np.roll(grey, number, 1))
    left = "7.188560e+02 0 1.021928e+02 0 0 7.190000e+02 2.852157e+01 0 0 0 1 0"
    right = "7.188560e+02 0 1.021928e+02 -3.861448e+02 0 7.190000e+02 2.852157e+01 0 0 0 1 0"
    (directory / "calib.txt").write_text(f"P0: {left}\nP1: {right}\n")
    (directory / "times.txt").write_text("".join(f"{0.1037 * number:.6e}\n" for number in range(5)))
    rows = [" ".join(f"{value:.6e}" for value in pose(number)[:3].reshape(-1)) for number in range(5)]
    (directory / "poses.txt").write_text("\n".join(rows) + "\n")
    return directory
