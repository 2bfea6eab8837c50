"""Cambridge Landmarks, in the format of the published files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from folder_cases import assert_numbers, map_T_camera, picture, write_picture
from scipy.spatial.transform import Rotation

from localization_common.datasets import open_sequence, open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError

HEADING = "Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n"
SMALL = (96, 54)  # the published pictures are 1920x1080


def line(name: str, number: int) -> str:
    """Line with the position of the camera, and the quaternion (w first) that turns the map to the camera."""
    pose = map_T_camera(number)
    x, y, z, w = Rotation.from_matrix(pose[:3, :3].T).as_quat()
    return f"{name} {pose[0, 3]:.6f} {pose[1, 3]:.6f} {pose[2, 3]:.6f} {w:.6f} {x:.6f} {y:.6f} {z:.6f}"


def nvm(names: list[str], focal_length: float = 1670.0, radial: float = 0.0) -> str:
    cameras = [f"{name[:-3]}jpg\t{focal_length} 1 0 0 0 0 0 0 {radial} 0" for name in names]
    return "NVM_V3 \n\n" + f"{len(names)}\n" + "\n".join(cameras) + "\n\n1\n0 0 5 255 255 255 1 0 7 1.0 2.0\n\n0\n"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Training drives seq1 and seq4, test drive seq2."""
    root = tmp_path / "ShopFacade"
    drives = {"seq1": (1, 2, 3), "seq4": (4, 5), "seq2": (6, 7)}
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for folder, numbers in drives.items():
        for number in numbers:
            name = f"{folder}/frame{number:05d}.png"
            write_picture(root / name, number, SMALL)
            lists["test" if folder == "seq2" else "train"].append(line(name, number))
    for split, lines in lists.items():
        (root / f"dataset_{split}.txt").write_text(HEADING + "\n".join(lines) + "\n")
    names = [text.split()[0] for lines in lists.values() for text in lines]
    (root / "reconstruction.nvm").write_text(nvm(names))
    return root


def test_each_folder_is_a_drive_of_its_split(scene: Path) -> None:
    first, second = open_sequences(scene)
    assert [s.name for s in (first, second)] == ["ShopFacade/seq1", "ShopFacade/seq4"]
    assert_numbers(first, (1, 2, 3))
    assert first.frame_numbers.tolist() == [1, 2, 3]
    np.testing.assert_allclose(first.map_T_camera, [map_T_camera(n) for n in (1, 2, 3)], atol=2e-6)
    np.testing.assert_allclose(second.map_T_camera, [map_T_camera(n) for n in (4, 5)], atol=2e-6)
    (test,) = open_sequences(scene, split="test")
    assert (test.name, test.frame_numbers.tolist()) == ("ShopFacade/seq2", [6, 7])
    assert first.camera.fx == pytest.approx(1670.0 / 20.0)  # pictures here are a twentieth of the published ones
    assert (first.camera.cx, first.camera.cy) == (pytest.approx(47.5), pytest.approx(26.5))


def test_one_folder_may_be_given_from_either_list(scene: Path) -> None:
    assert open_sequence(scene / "seq2").name == "ShopFacade/seq2"
    assert_numbers(open_sequence(scene / "seq4"), (4, 5))
    with pytest.raises(DatasetError, match=r"ShopFacade: holds 3 sequences"):
        open_sequence(scene)


def test_radial_distortion_is_visualsfms(scene: Path) -> None:
    radial = -0.05
    names = [f"seq2/frame{n:05d}.png" for n in (6, 7)]
    (scene / "reconstruction.nvm").write_text(nvm(names, 1600.0, radial))
    camera = open_sequence(scene / "seq2").camera
    for angle in (0.1, 0.3, 0.6):
        pixel = (camera.project(np.array([[angle, 0.0]]))[0, 0] - camera.cx) / camera.fx
        # VisualSFM: undistorted = measured * (1 + radial * measured^2), in focal lengths.
        assert pixel * (1.0 + radial * pixel**2) == pytest.approx(angle, abs=2e-5)


def test_without_the_reconstruction_a_camera_is_needed(scene: Path, tmp_path: Path) -> None:
    (scene / "reconstruction.nvm").unlink()
    with pytest.raises(DatasetError, match=r"reconstruction\.nvm: no such file; the focal lengths.*--camera FILE"):
        open_sequences(scene)
    given = tmp_path / "cameras.txt"
    given.write_text("1 SIMPLE_PINHOLE 96 54 80 48 27\n")
    assert open_sequence(scene / "seq2", RecordingOptions(camera=given)).camera.fx == 80.0


def test_a_picture_far_off_has_no_pose(scene: Path) -> None:
    text = (scene / "dataset_test.txt").read_text().replace(line("x", 7)[2:9], "1.8e+11")
    (scene / "dataset_test.txt").write_text(text)
    assert open_sequence(scene / "seq2").has_pose.tolist() == [True, False]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "dataset_test.txt",
            HEADING + "seq2/frame00006.png 1 2 3 1 0 0\n",
            r"test\.txt:4: not 'ImageFile X Y Z W P Q R'",
        ),
        ("dataset_test.txt", HEADING, "names no pictures"),
        ("reconstruction.nvm", "PLY\n", r"nvm:1: not 'NVM_V3'"),
        ("reconstruction.nvm", "NVM_V3\n\nmany\n", r"nvm:3: not the number of cameras"),
        ("reconstruction.nvm", "NVM_V3\n\n5\na.jpg 1 1 0 0 0 0 0 0 0 0\n", "ends within its 5 cameras"),
        ("reconstruction.nvm", nvm(["seq2/frame00006.png"]), r"has no camera of seq2/frame00007\.png \(1 in all\)"),
        ("reconstruction.nvm", nvm(["seq2/frame00006.png"], -1.0), r"nvm:4: not 'file f qw"),
    ],
)
def test_broken_files_are_named(scene: Path, file: str, text: str, message: str) -> None:
    (scene / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        open_sequences(scene, split="test")


def test_portrait_pictures_are_refused(scene: Path) -> None:
    for number in (6, 7):
        cv2.imwrite(str(scene / "seq2" / f"frame{number:05d}.png"), picture(number, (54, 96)))
    with pytest.raises(DatasetError, match=r"is 54x96, .*another shape than the 1920x1080.*--camera FILE"):
        open_sequence(scene / "seq2")
