"""KITTI odometry directories, written here in their format and read back."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_frames import pose

from localization_common.camera import Camera
from localization_common.datasets.kitti_odometry import read_kitti_odometry
from localization_common.errors import DatasetError


def test_grey_images_become_rgb_with_their_poses_and_times(kitti: Path) -> None:
    sequence = read_kitti_odometry(kitti)
    assert sequence.name == "kitti/07"
    assert sequence.frame_numbers.tolist() == [0, 1, 2, 4]
    assert sequence.stamps.tolist() == [0, 103_700_000, 207_400_000, 414_800_000]
    np.testing.assert_allclose(sequence.map_T_camera, [pose(n) for n in (0, 1, 2, 4)], atol=1e-6)
    assert sequence.camera == Camera(200, 60, 718.856, 719.0, 102.1928, 28.52157)
    image = sequence.read_image(3)
    assert image.shape == (60, 200, 3)
    assert (image == image[..., :1]).all()
    np.testing.assert_array_equal(image, np.roll(sequence.read_image(0), 4, 1))


def test_the_right_camera_is_a_baseline_to_the_right(kitti: Path) -> None:
    left = read_kitti_odometry(kitti)
    assert "4 in image_0; image_1 not used" in left.summary.text()
    shutil.rmtree(kitti / "image_0")
    right = read_kitti_odometry(kitti)
    assert "images: 4 in image_1" in right.summary.text()
    offset = np.linalg.inv(left.map_T_camera) @ right.map_T_camera
    expected = np.eye(4)
    expected[0, 3] = 386.1448 / 718.856  # KITTI's stereo baseline, 0.54 m
    np.testing.assert_allclose(offset, np.tile(expected, (4, 1, 1)), atol=1e-9)


def test_poses_in_the_original_layout_are_found(kitti: Path) -> None:
    poses = kitti.parent.parent / "poses"
    poses.mkdir()
    (kitti / "poses.txt").rename(poses / "07.txt")
    np.testing.assert_allclose(read_kitti_odometry(kitti).map_T_camera[3], pose(4), atol=1e-6)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("poses.txt", "1 0 0 0\n", "4 numbers, not 12"),
        ("poses.txt", "5 0 0 0 0 1 0 0 0 0 1 0\n" * 5, r"poses\.txt.*no rotation"),
        ("times.txt", None, r"times\.txt: no such file"),
        ("times.txt", "0.0\n", r"times\.txt: 1 lines"),
        ("times.txt", "0.0\n0.1\n0.1\n0.3\n0.4\n", r"times\.txt:3: 0\.1 of image 000002 is not later"),
        ("times.txt", "0.0\n0.1\nnan\n0.3\n0.4\n", r"times\.txt:3: nan of image 000002"),
        ("calib.txt", None, r"calib\.txt: no such file"),
        ("calib.txt", "P1: 1 0 0 0 0 1 0 0 0 0 1 0\n", "no line P0:"),
        ("calib.txt", "P0: 1 0 0\n", r"calib\.txt:1: P0 is not a 3x4 matrix"),
    ],
)
def test_missing_and_malformed_files_are_named(kitti: Path, file: str, text: str | None, message: str) -> None:
    (kitti / file).unlink()
    if text is not None:
        (kitti / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_kitti_odometry(kitti)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_resized_images_are_noticed(kitti: Path, share: float) -> None:
    for file in (kitti / "image_0").iterdir():
        cv2.imwrite(str(file), np.zeros((round(60 * share), round(200 * share)), np.uint8))
    if share == 2.0:  # 102 of 400 pixels: nearly the middle of a half
        (kitti / "calib.txt").write_text("P0: 718 0 95 0 0 718 28 0 0 0 1 0\n")
    with pytest.raises(DatasetError, match=r"calib\.txt: P0 .* were they resized\? .*--camera FILE"):
        read_kitti_odometry(kitti)


def test_images_after_the_last_pose_have_none(kitti: Path) -> None:
    lines = (kitti / "poses.txt").read_text().splitlines()
    (kitti / "poses.txt").write_text("\n".join([lines[0], lines[1].replace(lines[1].split()[3], "nan")]) + "\n")
    assert read_kitti_odometry(kitti).has_pose.tolist() == [True, False, False, False]
    (kitti / "poses.txt").unlink()
    without = read_kitti_odometry(kitti)
    assert not without.has_pose.any()
    assert "00 to 10 only" in without.summary.text()


def test_without_images_all_folders_are_named(kitti: Path) -> None:
    for name in ("image_0", "image_1"):
        shutil.rmtree(kitti / name)
    with pytest.raises(DatasetError, match="image_0, image_1, image_2, image_3"):
        read_kitti_odometry(kitti)
