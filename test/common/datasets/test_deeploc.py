"""Directories of DeepLoc, written here in their format and read back."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_frames import class_ids, drive_pose, picture, write_rgb
from scipy.spatial.transform import Rotation

from localization_common.datasets import open_sequence, open_sequences
from localization_common.datasets.deeploc import CLASS_NAMES, in_optical_axes, read_deeploc
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError


def test_images_poses_and_labels_in_order_of_their_ids(deeploc: Path) -> None:
    sequence = read_deeploc(deeploc / "train")
    assert sequence.name == "deeploc/train"
    assert sequence.frame_numbers.tolist() == [3, 4, 5, 12]
    assert sequence.pairs().tolist() == [[0, 1], [1, 2]]
    np.testing.assert_allclose(sequence.map_T_camera, [drive_pose(n) for n in (3, 4, 5, 12)], atol=1e-7)
    assert sequence.read_labels is not None
    for position, number in ((0, 3), (1, 4), (3, 12)):
        np.testing.assert_array_equal(sequence.read_image(position), picture(number, (128, 72)))
        np.testing.assert_array_equal(sequence.read_labels(position), class_ids(number))
    assert sequence.class_names == CLASS_NAMES
    assert [CLASS_NAMES[i] for i in (1, 6, 8)] == ["sky", "building", "dynamic"]
    assert sequence.read_depth is None


def test_an_image_without_labels_is_unlabelled_and_a_split_without_any_has_no_reader(deeploc: Path) -> None:
    sequence = read_deeploc(deeploc / "train")
    assert sequence.read_labels is not None
    np.testing.assert_array_equal(sequence.read_labels(2), np.full((72, 128), 255))
    (deeploc / "train" / "labels").rename(deeploc / "train" / "elsewhere")
    assert read_deeploc(deeploc / "train").read_labels is None


def test_the_camera_is_scaled_to_the_images(deeploc: Path) -> None:
    camera = read_deeploc(deeploc / "train").camera
    assert (camera.width, camera.height) == (128, 72)
    assert camera.fx == pytest.approx(70.0)
    assert (camera.cx, camera.cy) == (63.5, 35.5)


@pytest.mark.parametrize("axes", ["optical", "body"])
def test_the_drive_decides_on_the_axes_of_the_poses(axes: str) -> None:
    rng = np.random.default_rng(0)
    optical = np.stack([drive_pose(n) for n in range(30)])
    optical[:, :3, 3] += rng.normal(0, 0.05, (30, 3))
    body = optical.copy()
    body[:, :3, :3] = optical[:, :3, :3] @ np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])  # x forward, y left, z up
    np.testing.assert_allclose(body[0, :3, :3], np.eye(3), atol=1e-9)  # the rotation of drive_pose(0)
    np.testing.assert_allclose(in_optical_axes(optical if axes == "optical" else body), optical, atol=1e-9)


def test_one_pose_alone_is_not_changed() -> None:
    np.testing.assert_array_equal(in_optical_axes(drive_pose(3)[None]), drive_pose(3)[None])


def test_frames_without_image_are_left_out_and_those_without_pose_have_none(deeploc: Path) -> None:
    (deeploc / "train" / "LeftImages" / "Image_4.png").unlink()
    write_rgb(deeploc / "train" / "LeftImages" / "Image_99.png", picture(99, (128, 72)))
    sequence = read_deeploc(deeploc / "train")
    assert sequence.frame_numbers.tolist() == [3, 5, 12, 99]
    assert sequence.has_pose.tolist() == [True, True, True, False]
    assert "left out: 1 frames: the picture is missing (Image_4.png)" in sequence.summary.text()
    np.testing.assert_array_equal(sequence.read_image(1), picture(5, (128, 72)))
    np.testing.assert_allclose(sequence.map_T_camera[1], drive_pose(5), atol=1e-7)


def test_splits_are_opened_by_name_and_by_their_files(deeploc: Path) -> None:
    assert [s.frame_numbers.tolist() for s in open_sequences(deeploc)] == [[3, 4, 5, 12]]
    assert [s.frame_numbers.tolist() for s in open_sequences(deeploc, split="test")] == [[7, 8]]
    assert open_sequence(deeploc / "test").name == "deeploc/test"
    with pytest.raises(DatasetError, match=r"train: --poses sfm: DeepLoc has no such option"):
        open_sequences(deeploc, RecordingOptions(poses="sfm"))


def test_names_may_end_in_png_and_quaternions_need_no_norm(deeploc: Path) -> None:
    quarter = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    text = "a line\nimg_name x y z qw qx qy qz\nImage_7.png 1 2 3 2 0 2 0\n"
    (deeploc / "test" / "poses.txt").write_text(text)
    pose = read_deeploc(deeploc / "test").map_T_camera[0]
    np.testing.assert_allclose(pose[:3, :3], quarter, atol=1e-12)
    assert pose[:3, 3].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a line\nImage_7 1 2 3 1 0 0 0\n", "no line 'img_name x y z qw qx qy qz'"),
        ("img_name x y z qw qx qy qz\nImage_7 1 2 3 1 0 0\n", r"poses\.txt:2"),
        ("img_name x y z qw qx qy qz\nframe_7 1 2 3 1 0 0 0\n", r"poses\.txt:2.*frame_7"),
        ("img_name x y z qw qx qy qz\nImage_7 1 2 3 1 0 0 0\nImage_7 1 2 3 1 0 0 0\n", r"poses\.txt:3.*twice"),
        ("img_name x y z qw qx qy qz\nImage_70 1 2 3 1 0 0 0\n", "none of the 1 images"),
    ],
)
def test_broken_pose_files_are_named(deeploc: Path, text: str, message: str) -> None:
    (deeploc / "test" / "poses.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_deeploc(deeploc / "test")


@pytest.mark.parametrize("line", ["Image_7 1 2 3 1 0 0 nan", "Image_7 1 2 inf 1 0 0 0"])
def test_poses_that_are_not_finite_are_unknown(deeploc: Path, line: str) -> None:
    (deeploc / "test" / "poses.txt").write_text(f"img_name x y z qw qx qy qz\n{line}\nImage_8 1 2 3 1 0 0 0\n")
    assert read_deeploc(deeploc / "test").has_pose.tolist() == [False, True]


def test_wrong_labels_are_named(deeploc: Path) -> None:
    file = deeploc / "test" / "labels" / "Image_7.png"
    for wrong, message in (
        (np.full((72, 128), 10, np.uint8), r"Image_7\.png: holds the id 10"),
        (np.zeros((72, 128, 3), np.uint8), "one channel"),
        (np.zeros((36, 64), np.uint8), "64x36"),
    ):
        cv2.imwrite(str(file), wrong)
        sequence = read_deeploc(deeploc / "test")
        assert sequence.read_labels is not None
        with pytest.raises(DatasetError, match=message):
            sequence.read_labels(0)


def test_readers_go_to_a_data_loaders_worker(deeploc: Path) -> None:
    there = pickle.loads(pickle.dumps(read_deeploc(deeploc / "test")))
    np.testing.assert_array_equal(there.read_labels(1), class_ids(8))
