"""Exports of Polycam and Record3D."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from folder_cases import assert_numbers, map_T_camera, opengl_matrix, write_json, write_picture
from scipy.spatial.transform import Rotation

from localization_common.camera import Camera
from localization_common.datasets import open_sequence
from localization_common.errors import DatasetError

#: ARKit's map has y up; the map of this package has z up, and ARKit's z as x (as polyform and nerfstudio turn it).
MAP_R_ARKIT = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def in_our_map(number: int) -> np.ndarray:
    turned = np.eye(4)
    turned[:3, :3] = MAP_R_ARKIT
    return turned @ map_T_camera(number)


def polycam_camera(number: int, fx: float = 60.0) -> dict[str, Any]:
    matrix = opengl_matrix(number)
    values: dict[str, Any] = {f"t_{row}{column}": matrix[row][column] for row in range(3) for column in range(4)}
    return values | {
        "fx": fx, "fy": fx, "cx": 32.0, "cy": 24.0, "width": 64, "height": 48, "blur_score": 80.5,
        "timestamp": 1000 * number, "manual_keyframe": False, "neighbors": [], "center_depth": 1.2,
    }  # fmt: skip


def polycam(root: Path, *, corrected: bool) -> Path:
    (root / "mesh_info.json").parent.mkdir(parents=True)
    write_json(root / "mesh_info.json", {"alignmentTransform": np.eye(4).ravel().tolist()})
    for number in (3, 1, 2):
        name = f"{36_281_000_000 + 500_000 * number}"  # microseconds since the phone started
        write_picture(root / "keyframes" / "images" / f"{name}.jpg", 0)
        write_json(root / "keyframes" / "cameras" / f"{name}.json", polycam_camera(0, 50.0))
        depth = np.full((24, 32), 1000 * number, np.uint16)
        (root / "keyframes" / "depth").mkdir(exist_ok=True)
        cv2.imwrite(str(root / "keyframes" / "depth" / f"{name}.png"), depth)
        if corrected:
            write_picture(root / "keyframes" / "corrected_images" / f"{name}.jpg", number)
            write_json(root / "keyframes" / "corrected_cameras" / f"{name}.json", polycam_camera(number))
    return root


def test_polycams_corrected_keyframes_are_taken(tmp_path: Path) -> None:
    sequence = open_sequence(polycam(tmp_path / "capture", corrected=True))
    assert sequence.camera == Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
    assert_numbers(sequence, (1, 2, 3))
    assert sequence.stamps.tolist() == [36_281_500_000_000, 36_282_000_000_000, 36_282_500_000_000]
    np.testing.assert_allclose(sequence.map_T_camera, [in_our_map(n) for n in (1, 2, 3)], atol=1e-12)
    assert sequence.read_depth is not None
    assert (sequence.read_depth(2) == 3.0).all()
    assert "keyframes: 3 in corrected_cameras" in sequence.summary.text()


def test_polycams_raw_keyframes_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    sequence = open_sequence(polycam(tmp_path / "capture", corrected=False))
    assert sequence.camera.fx == 50.0
    np.testing.assert_allclose(sequence.map_T_camera[1], in_our_map(0), atol=1e-12)
    assert "Polycam did not optimise the poses" in sequence.summary.text()


def test_polycams_broken_camera_is_named(tmp_path: Path) -> None:
    root = polycam(tmp_path / "capture", corrected=False)
    first = sorted((root / "keyframes" / "cameras").iterdir())[0]
    values = polycam_camera(1)
    del values["t_12"]
    write_json(first, values)
    with pytest.raises(DatasetError, match=rf"{first.name}: .*t_00 to t_23 cannot be used"):
        open_sequence(root)


def record3d(root: Path, metadata: str, folder: str, **values: Any) -> Path:
    poses = []
    for number in range(4):
        matrix = np.array(opengl_matrix(number))
        x, y, z, w = Rotation.from_matrix(matrix[:3, :3]).as_quat()
        poses.append([x, y, z, w, *matrix[:3, 3]])
        write_picture(root / folder / f"{number}.jpg", number)
    k = np.array([[60.0, 0.0, 33.0], [0.0, 61.0, 25.0], [0.0, 0.0, 1.0]])
    known = {"w": 64, "h": 48, "fps": 30, "K": k.T.ravel().tolist(), "poses": poses, "initPose": poses[0]}
    write_json(root / metadata, known | values)
    return root


@pytest.mark.parametrize(("metadata", "folder"), [("metadata.json", "rgb"), ("metadata", "rgbd")])
def test_record3d(tmp_path: Path, metadata: str, folder: str) -> None:
    sequence = open_sequence(record3d(tmp_path / "scan", metadata, folder))
    assert sequence.camera == Camera(64, 48, 60.0, 61.0, 32.5, 24.5)  # K is stored column by column
    assert_numbers(sequence, range(4))
    np.testing.assert_allclose(sequence.map_T_camera, [in_our_map(n) for n in range(4)], atol=1e-12)
    assert sequence.stamps.tolist() == [0, 33333333, 66666667, 100000000]
    assert sequence.frame_numbers.tolist() == [0, 1, 2, 3]


def test_record3ds_times_and_intrinsics_of_each_frame(tmp_path: Path) -> None:
    each = {
        "frameTimestamps": [0.5, 0.75, 1.0, 1.5],
        "perFrameIntrinsicCoeffs": [[60.0, 60.0, 32.0, 24.0], [62.0, 62.0, 32.0, 24.0]] * 2,
    }
    root = record3d(tmp_path / "scan", "metadata.json", "rgb", **each)
    (root / "rgb" / "2.jpg").unlink()
    sequence = open_sequence(root)
    assert sequence.stamps.tolist() == [500_000_000, 750_000_000, 1_500_000_000]
    assert sequence.camera.fx == 62.0
    assert "1 frames: the picture is missing (rgb/2.jpg)" in sequence.summary.text()


def test_record3ds_pictures_without_pose_have_none(tmp_path: Path) -> None:
    root = record3d(tmp_path / "scan", "metadata.json", "rgb")
    write_picture(root / "rgb" / "4.jpg", 4)
    assert open_sequence(root).has_pose.tolist() == [True] * 4 + [False]


@pytest.mark.parametrize("values", [{"K": [1, 2]}, {"poses": [[0, 0, 0, 1]]}, {"w": "wide"}, {"fps": 0}])
def test_record3ds_broken_metadata_are_named(tmp_path: Path, values: dict[str, Any]) -> None:
    root = record3d(tmp_path / "scan", "metadata.json", "rgb", **values)
    with pytest.raises(DatasetError, match=r"metadata\.json: poses, K, w, h or fps"):
        open_sequence(root)


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "scan.r3d").write_bytes(b"PK")
    with pytest.raises(DatasetError, match=r"scan\.r3d: an archive of Record3D; unpack it"):
        open_sequence(tmp_path / "scan.r3d")
