"""Intrinsics that a recording lacks: assumed and reported, given by a file, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from folder_cases import map_T_camera, write_picture

from localization_common.camera import Camera
from localization_common.datasets import open_sequence
from localization_common.datasets.camera_files import read_camera
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError

CAMERA_INFO = """\
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [600.5, 0.0, 321.5, 0.0, 601.5, 241.5, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 0.001, 0.002, 0.05]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
projection_matrix:
  rows: 3
  cols: 4
  data: [600.5, 0.0, 321.5, 0.0, 0.0, 601.5, 241.5, 0.0, 0.0, 0.0, 1.0, 0.0]
"""
ECHOED = """\
header:
  stamp:
    sec: 5
    nanosec: 0
  frame_id: camera_optical_frame
height: 480
width: 640
distortion_model: plumb_bob
d:
- 0.1
- -0.2
- 0.001
- 0.002
- 0.05
k: [600.5, 0.0, 321.5, 0.0, 601.5, 241.5, 0.0, 0.0, 1.0]
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
p: [600.5, 0.0, 321.5, 0.0, 0.0, 601.5, 241.5, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: 0
binning_y: 0
roi:
  x_offset: 0
  y_offset: 0
  height: 0
  width: 0
  do_rectify: false
---
"""
KALIBR = """\
cam0:
  cam_overlaps: []
  camera_model: pinhole
  distortion_coeffs: [0.1, -0.2, 0.001, 0.002]
  distortion_model: radtan
  intrinsics: [600.5, 601.5, 321.5, 241.5]
  resolution: [640, 480]
  rostopic: /cam0/image_raw
"""
COLMAP = (
    "# Camera list with one line of data per camera:\n1 OPENCV 640 480 600.5 601.5 322.0 242.0 0.1 -0.2 0.001 0.002\n"
)
MATRIX = "600.5 0 321.5\n0 601.5 241.5\n0 0 1\n"
K = (640, 480, 600.5, 601.5, 321.5, 241.5)
FOUR = (0.1, -0.2, 0.001, 0.002)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ost.yaml", CAMERA_INFO, Camera(*K, "plumb_bob", (*FOUR, 0.05))),
        ("echo.yaml", ECHOED, Camera(*K, "plumb_bob", (*FOUR, 0.05))),
        ("opencv.yml", "%YAML:1.0\n---\n" + CAMERA_INFO, Camera(*K, "plumb_bob", (*FOUR, 0.05))),
        ("camchain.yaml", KALIBR, Camera(*K, "plumb_bob", FOUR)),
        ("cameras.txt", COLMAP, Camera(*K, "plumb_bob", FOUR)),
        ("K.txt", MATRIX, Camera(*K)),
        ("K.csv", "[600.5, 0, 321.5;\n 0, 601.5, 241.5;\n 0, 0, 1]\n", Camera(*K)),
        ("K.txt", MATRIX.replace("\n", " "), Camera(*K)),
    ],
)
def test_files_of_intrinsics(tmp_path: Path, name: str, text: str, expected: Camera) -> None:
    (tmp_path / name).write_text("\ufeff" + text, encoding="utf-8")
    assert read_camera(tmp_path / name, size=(640, 480)) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "image_width: 640\n", "no camera in it"),
        ("a.yaml", CAMERA_INFO.replace("600.5", "0.0"), "not calibrated"),
        ("a.yaml", "- 1\n- 2\n", "is no YAML mapping"),
        ("a.yaml", "a: [1\n", "is no YAML"),
        ("a.yaml", KALIBR.replace("pinhole", "omni"), "camera_model 'omni' has no counterpart"),
        ("a.yaml", KALIBR.replace("radtan", "fov"), "unknown distortion model 'fov'"),
        ("a.yaml", KALIBR + KALIBR.replace("cam0", "cam1").replace("600.5", "500.0"), "holds 2 cameras"),
        ("a.yaml", KALIBR.replace("resolution: [640, 480]", "resolution: none"), "resolution cannot be read"),
        ("cameras.txt", COLMAP + "2 PINHOLE 640 480 500 500 320 240\n", "holds 2 cameras"),
        ("K.txt", "600 1 2\n", "no camera in it; expected"),
        ("K.txt", MATRIX.replace("601.5", "x"), "the 3x3 matrix K holds"),
        ("K.txt", "600 0 0\n0 600 0\n320 240 1\n", "is not of the form fx 0 cx"),
        ("K.txt", MATRIX.replace("321.5", "965"), r"principal point \(965, 241.5\) lies outside .* another resolution"),
        ("nowhere.txt", None, "no such file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=rf"{name}: .*{message}"):
        read_camera(tmp_path / name, size=(640, 480))


def test_a_matrix_alone_does_not_give_the_size(tmp_path: Path) -> None:
    (tmp_path / "K.txt").write_text(MATRIX)
    with pytest.raises(DatasetError, match=r"K\.txt: a matrix K does not give the size"):
        read_camera(tmp_path / "K.txt")


def frames(root: Path, kind: str, size: tuple[int, int]) -> Path:
    """Write three frames in a format without intrinsics."""
    for number in range(3):
        if kind == "7-Scenes":
            write_picture(root / f"frame-{number:06d}.color.png", number, size)
            np.savetxt(root / f"frame-{number:06d}.pose.txt", map_T_camera(number))
        elif kind == "TUM":
            write_picture(root / "rgb" / f"{number}.png", number, size)
            with (root / "rgb.txt").open("a") as file:
                file.write(f"{number}.0 rgb/{number}.png\n")
        else:
            write_picture(root / "LeftImages" / f"Image_{number}.png", number, size)
            lines = "".join(f"Image_{n} 0 0 {n} 1 0 0 0\n" for n in range(3))
            (root / "poses.txt").write_text("img_name x y z qw qx qy qz\n" + lines)
    return root


@pytest.mark.parametrize(
    ("kind", "shape", "focal_length"),
    [("7-Scenes", (64, 48), 52.5), ("TUM", (64, 48), 52.5), ("DeepLoc", (64, 36), 35.0)],
)
def test_an_assumption_is_reported_and_scaled_to_the_pictures(
    tmp_path: Path, kind: str, shape: tuple[int, int], focal_length: float
) -> None:
    sequence = open_sequence(frames(tmp_path / "my_desk", kind, shape))
    assert sequence.camera.fx == pytest.approx(focal_length)
    (assumption,) = [s for s in sequence.summary.assumed if s.startswith("camera ")]
    assert assumption.startswith(f"camera {shape[0]}x{shape[1]}, fx {focal_length:.1f}")
    assert "scaled from" in assumption
    assert "--camera FILE" in assumption


@pytest.mark.parametrize("kind", ["7-Scenes", "TUM", "DeepLoc"])
@pytest.mark.parametrize("shape", [(48, 64), (96, 48), (60, 48)], ids=["portrait", "wide", "cut"])
def test_pictures_of_another_shape_are_refused_and_a_file_helps(
    tmp_path: Path, kind: str, shape: tuple[int, int]
) -> None:
    root = frames(tmp_path / "my_desk", kind, shape)
    with pytest.raises(DatasetError, match=rf"is {shape[0]}x{shape[1]}, which is another shape than .*--camera FILE"):
        open_sequence(root)
    file = tmp_path / "cameras.txt"
    file.write_text(f"1 PINHOLE {shape[0]} {shape[1]} 70 71 {shape[0] / 2} {shape[1] / 2}\n")
    sequence = open_sequence(root, RecordingOptions(camera=file))
    assert sequence.camera == Camera(*shape, 70.0, 71.0, (shape[0] - 1) / 2, (shape[1] - 1) / 2)
    assert not [s for s in sequence.summary.assumed if s.startswith("camera ")]
    file.write_text("1 PINHOLE 640 481 70 71 320 240\n")
    with pytest.raises(DatasetError, match=r"another shape than the 640x481 of the camera \(.*cameras\.txt\)"):
        open_sequence(root, RecordingOptions(camera=file))


def kitti(root: Path, cameras: tuple[int, ...]) -> Path:
    for camera in cameras:
        for number in range(2):
            write_picture(root / f"image_{camera}" / f"{number:06d}.png", number, (124, 37))
    rows = ["P0: 71.8 0 60.7 0 0 71.8 18.5 0 0 0 1 0", "P1: 71.8 0 60.7 -38.6 0 71.8 18.5 0 0 0 1 0"]
    rows += ["P2: 71.8 0 60.7 4.5 0 71.8 18.5 -0.1 0 0 1 0.004", "P3: 71.8 0 60.7 -33.9 0 71.8 18.5 2.2 0 0 1 0.003"]
    (root / "calib.txt").write_text("\n".join(rows) + "\nTr: 1 0 0 0 0 1 0 0 0 0 1 0\n")
    (root / "times.txt").write_text("0.000000e+00\n1.037359e-01\n")
    (root / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 0.86\n")
    return root


def test_kitti_takes_the_cameras_that_there_are(tmp_path: Path) -> None:
    root = kitti(tmp_path / "00", (2, 3))
    colour = open_sequence(root)
    assert "images: 2 in image_2; image_3 not used" in colour.summary.text()
    # A point 10 m ahead of the grey camera is projected to K X + t: the colour camera is 6 cm to its left.
    x = np.array([0.0, 0.0, 10.0, 1.0])
    seen = np.linalg.inv(colour.map_T_camera[0]) @ x
    pixel = (71.8 * 0.0 + 60.7 * 10.0 + 4.5) / (10.0 + 0.004)
    assert colour.camera.project((seen[:2] / seen[2])[None])[0, 0] == pytest.approx(pixel, abs=1e-9)
    shutil.rmtree(root / "image_2")
    assert "images: 2 in image_3" in open_sequence(root).summary.text()
    assert "images: 2 in image_0; image_1 not used" in open_sequence(kitti(tmp_path / "01", (0, 1))).summary.text()
