"""Files transforms.json of nerfstudio, instant-ngp and NeRF's scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from folder_cases import SIZE, assert_numbers, map_T_camera, opengl_matrix, write_json, write_picture

from localization_common.camera import Camera
from localization_common.datasets import open_sequence, open_sequences
from localization_common.errors import DatasetError

NUMBERS = (1, 2, 10)
#: Values in the form of ns-process-data.
NERFSTUDIO: dict[str, Any] = {
    "w": 64,
    "h": 48,
    "fl_x": 60.0,
    "fl_y": 62.0,
    "cx": 32.0,
    "cy": 24.0,
    "k1": 0.0312,
    "k2": 0.0051,
    "p1": -6.47e-05,
    "p2": -1.37e-07,
    "camera_model": "OPENCV",
}


def frames(**each: Any) -> list[dict[str, Any]]:
    return [
        {"file_path": f"images/frame_{n:05d}.png", "transform_matrix": opengl_matrix(n), "colmap_im_id": n} | each
        for n in (10, 2, 1)
    ]


def scene(tmp_path: Path, values: dict[str, Any], name: str = "transforms.json") -> Path:
    root = tmp_path / "poster"
    for number in NUMBERS:
        write_picture(root / "images" / f"frame_{number:05d}.png", number)
    write_json(root / name, values)
    return root


def test_nerfstudio(tmp_path: Path) -> None:
    applied = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0]]  # written beside COLMAP's poses
    root = scene(tmp_path, NERFSTUDIO | {"frames": frames(), "applied_transform": applied, "ply_file_path": "x.ply"})
    sequence = open_sequence(root)
    assert sequence.name == "poster"
    assert sequence.camera == Camera(
        64, 48, 60.0, 62.0, 31.5, 23.5, "plumb_bob", (0.0312, 0.0051, -6.47e-05, -1.37e-07)
    )
    assert sequence.frame_numbers.tolist() == [1, 2, 10]
    assert_numbers(sequence, NUMBERS)
    np.testing.assert_allclose(sequence.map_T_camera, [map_T_camera(n) for n in NUMBERS], atol=1e-12)
    assert open_sequence(root / "transforms.json").name == "poster"


def test_a_scale_that_was_applied_is_divided_out(tmp_path: Path) -> None:
    turned = (0.25 * np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]])).tolist()
    root = scene(tmp_path, NERFSTUDIO | {"frames": frames(), "applied_transform": turned, "applied_scale": 2.0})
    sequence = open_sequence(root)
    expected = [map_T_camera(n)[:3, 3] / 0.5 for n in NUMBERS]
    np.testing.assert_allclose(sequence.map_T_camera[:, :3, 3], expected, atol=1e-12)
    assert "positions are divided by 0.5" in sequence.summary.text()


def test_a_fisheye(tmp_path: Path) -> None:
    fisheye = {"camera_model": "OPENCV_FISHEYE", "k1": 0.03, "k2": 0.005, "k3": 0.0006, "k4": 0.0001}
    sequence = open_sequence(scene(tmp_path, NERFSTUDIO | fisheye | {"frames": frames()}))
    assert (sequence.camera.distortion_model, sequence.camera.distortion) == (
        "equidistant",
        (0.03, 0.005, 0.0006, 0.0001),
    )


def test_instant_ngp(tmp_path: Path) -> None:
    values = {
        "camera_angle_x": 2.0 * np.arctan(32.0 / 60.0),
        "camera_angle_y": 2.0 * np.arctan(24.0 / 62.0),
        "w": 64.0,
        "h": 48.0,
        "cx": 33.0,
        "cy": 25.0,
        "aabb_scale": 16,
        "scale": 0.33,
        "is_fisheye": True,
        "k1": 0.01,
        "frames": frames(sharpness=97.0),
    }
    camera = open_sequence(scene(tmp_path, values)).camera
    assert (camera.fx, camera.fy) == (pytest.approx(60.0), pytest.approx(62.0))
    assert (camera.cx, camera.cy, camera.distortion_model, camera.distortion) == (
        32.5,
        24.5,
        "equidistant",
        (0.01, 0, 0, 0),
    )


def test_nerfs_synthetic_scenes_have_an_angle_and_names_without_ending(tmp_path: Path) -> None:
    root = tmp_path / "lego"
    for split, numbers in (("train", (0, 1)), ("test", (2,))):
        listed = [
            {"file_path": f"./{split}/r_{n}", "rotation": 0.01, "transform_matrix": opengl_matrix(n)} for n in numbers
        ]
        for number in numbers:
            write_picture(root / split / f"r_{number}.png", number)
        write_json(root / f"transforms_{split}.json", {"camera_angle_x": 0.6911112070083618, "frames": listed})
    (train,) = open_sequences(root)
    (test,) = open_sequences(root, split="test")
    assert_numbers(train, (0, 1))
    assert_numbers(test, (2,))
    assert test.name == "lego/transforms_test"
    assert train.camera.fx == train.camera.fy == pytest.approx(32.0 / np.tan(0.6911112070083618 / 2.0))
    assert (train.camera.cx, train.camera.cy) == (31.5, 23.5)


def test_intrinsics_of_each_frame_are_resampled_to_one(tmp_path: Path) -> None:
    listed = frames()
    for i, frame in enumerate(listed):
        frame |= {"fl_x": 60.0 + 3.0 * i, "fl_y": 60.0 + 3.0 * i, "cx": 32.0, "cy": 24.0, "w": 64, "h": 48}
    root = scene(tmp_path, {"camera_model": "OPENCV", "frames": listed})
    gradient = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (48, 1, 3))
    cv2.imwrite(str(root / "images" / "frame_00010.png"), gradient)
    sequence = open_sequence(root)
    assert sequence.camera == Camera(64, 48, 66.0, 66.0, 31.5, 23.5)
    assert sequence.read_image(2)[24, 50, 0] == pytest.approx(31.5 + 60.0 * (50 - 31.5) / 66.0, abs=1.0)
    assert "3 different ones (fx 60.0 to 66.0)" in sequence.summary.text()


def test_depth_is_millimetres_of_any_size(tmp_path: Path) -> None:
    listed = frames()
    listed[1]["depth_file_path"] = "depth/2.png"
    root = scene(tmp_path, NERFSTUDIO | {"frames": listed})
    (root / "depth").mkdir()
    depth = np.full((24, 32), 1500, np.uint16)
    depth[:, :16] = 0
    cv2.imwrite(str(root / "depth" / "2.png"), depth)
    sequence = open_sequence(root)
    assert sequence.read_depth is not None
    found = sequence.read_depth(1)
    assert found.shape == (48, 64)
    assert np.isnan(found[:, :32]).all()
    assert (found[:, 32:] == 1.5).all()
    assert np.isnan(sequence.read_depth(0)).all()


def test_pictures_that_are_missing_and_lost_poses_are_counted(tmp_path: Path) -> None:
    listed = frames()
    listed[0]["transform_matrix"] = [[float("nan")] * 4] * 4
    listed.append({"file_path": "images/frame_00011.png", "transform_matrix": opengl_matrix(11)})
    root = scene(tmp_path, NERFSTUDIO | {"frames": listed})
    sequence = open_sequence(root)
    assert sequence.has_pose.tolist() == [True, True, False]
    assert "1 frames: the picture is missing (images/frame_00011.png)" in sequence.summary.text()
    assert "poses: 2 of 3 frames" in sequence.summary.text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": []}, "no list 'frames'"),
        ({"frames": [{"file_path": "images/frame_00001.png"}]}, r"frame 0: transform_matrix has shape"),
        ({"frames": [{"transform_matrix": opengl_matrix(1)}]}, "frame 0: no file_path"),
        ({"frames": frames(transform_matrix=[[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])}, "no rotation"),
        ({"camera_model": "EQUIRECTANGULAR", "frames": frames()}, "camera_model 'EQUIRECTANGULAR' has no counterpart"),
        ({"fl_x": "long", "frames": frames()}, "intrinsics cannot be used"),
        ({"fl_x": -1.0, "frames": frames()}, "intrinsics cannot be used: focal lengths"),
        ({"k4": 0.1, "frames": frames()}, "k4 without a fisheye"),
        ({"applied_transform": "none", "frames": frames()}, "applied_transform"),
    ],
)
def test_broken_values_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    root = scene(tmp_path, NERFSTUDIO | change)
    with pytest.raises(DatasetError, match=message):
        open_sequence(root)


@pytest.mark.parametrize("text", ["{", "[1, 2]", "[" * 100_000], ids=["cut", "a list", "nested deeply"])
def test_broken_json_is_named(tmp_path: Path, text: str) -> None:
    root = scene(tmp_path, {})
    (root / "transforms.json").write_text(text)
    with pytest.raises(DatasetError, match=r"transforms\.json: is"):
        open_sequence(root)


def test_without_intrinsics_a_camera_is_needed(tmp_path: Path) -> None:
    root = scene(tmp_path, {"frames": frames()})
    with pytest.raises(DatasetError, match=r"has no intrinsics of its camera; give .*--camera FILE"):
        open_sequence(root)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    root = scene(tmp_path, {})
    (root / "transforms.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(NERFSTUDIO | {"frames": frames()}).encode())
    assert len(open_sequence(root)) == 3
    assert SIZE == (64, 48)
