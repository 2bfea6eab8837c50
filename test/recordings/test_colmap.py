"""COLMAP models, text and binary, in the folder layouts of several tools."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from folder_cases import (
    IDENTITY_MODEL,
    assert_numbers,
    map_T_camera,
    write_colmap_binary,
    write_colmap_text,
    write_picture,
)

from localization_common.camera import Camera
from localization_common.datasets import open_sequence
from localization_common.datasets.colmap_cameras import MODELS, camera_of_model
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError

NUMBERS = (10, 2, 1)  # not in order of names
PINHOLE = Camera(64, 48, 60.0, 62.0, 31.5, 23.5)


def with_pictures(root: Path, folder: str = "images") -> Path:
    for number in NUMBERS:
        write_picture(root / folder / f"frame{number:04d}.png", number)
    return root


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("folder", ["sparse/0", "sparse", ".", "colmap/sparse/0"])
def test_poses_camera_and_pictures(tmp_path: Path, binary: bool, folder: str) -> None:
    root = with_pictures(tmp_path / "scene")
    if binary:
        write_colmap_binary(root / folder, NUMBERS, 1, (60.0, 62.0, 32.0, 24.0))
    else:
        write_colmap_text(root / folder, NUMBERS)
    sequence = open_sequence(root)
    assert (sequence.name, sequence.camera) == ("scene", PINHOLE)
    assert sequence.frame_numbers.tolist() == [1, 2, 10]
    assert_numbers(sequence, (1, 2, 10))
    np.testing.assert_allclose(sequence.map_T_camera, [map_T_camera(n) for n in (1, 2, 10)], atol=1e-9)
    assert "assumed: the model's unit is the metre" in sequence.summary.text()
    assert "poses: 3 of 3 frames" in sequence.summary.text()


def test_the_models_own_folder_may_be_given(tmp_path: Path) -> None:
    root = with_pictures(tmp_path / "scene")
    write_colmap_text(root / "sparse" / "0", NUMBERS)
    assert_numbers(open_sequence(root / "sparse" / "0"), (1, 2, 10))


def test_the_model_is_that_of_pycolmap(tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    root = with_pictures(tmp_path / "scene")
    write_colmap_text(root / "sparse" / "0", NUMBERS, ["1 OPENCV 64 48 60 62 32.25 23.5 0.1 -0.05 0.001 -0.002"])
    ours = open_sequence(root)
    theirs = pycolmap.Reconstruction(root / "sparse" / "0")
    theirs.write_binary(str(root))  # this one comes before sparse/0
    again = open_sequence(root)
    assert again.camera == ours.camera
    np.testing.assert_array_equal(again.map_T_camera, ours.map_T_camera)
    by_name = {image.name: image for image in theirs.images.values()}
    for pose, number in zip(ours.map_T_camera, (1, 2, 10), strict=True):
        image = by_name[f"frame{number:04d}.png"]
        np.testing.assert_allclose(pose[:3, 3], image.projection_center(), atol=1e-9)
        point = np.array([0.2, -0.1, 3.0])
        camera_T_map = image.cam_from_world() if callable(image.cam_from_world) else image.cam_from_world
        seen = theirs.cameras[1].img_from_cam(camera_T_map * (pose[:3, :3] @ point + pose[:3, 3]))
        mine = ours.camera.project(point[None, :2] / point[2])[0]
        np.testing.assert_allclose(mine + 0.5, np.ravel(seen), atol=1e-6)


@pytest.mark.parametrize("model", sorted(name for name, _ in MODELS.values()))
def test_every_camera_model_is_read_like_colmap_or_refused_by_name(model: str) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    theirs = pycolmap.Camera.create_from_model_name(1, model, 500.0, 640, 480)
    names = [name.strip() for name in theirs.params_info.split(",")]
    values = {"cx": 330.0, "cy": 235.0, "f": 500.0, "fx": 510.0, "fy": 490.0, "p1": 0.002, "p2": -0.003}
    parameters = [values.get(name, 0.02 / (1 + i)) for i, name in enumerate(names)]
    refused = ("FOV", "THIN_PRISM", "RAD_TAN", "DIVISION", "EUCM", "EQUIRECTANGULAR")
    if any(part in model for part in refused):
        with pytest.raises(
            DatasetError, match=rf"cameras\.txt:4: camera model {model} has no counterpart.*undistorter"
        ):
            camera_of_model(model, 640, 480, parameters, "cameras.txt:4")
        return
    theirs.params = parameters
    camera = camera_of_model(model, 640, 480, parameters, "cameras.txt:4")
    rays = np.array([[0.0, 0.0], [0.3, -0.2], [-0.5, 0.4]])
    seen = np.array([np.ravel(theirs.img_from_cam(np.array([x, y, 1.0]))) for x, y in rays])
    np.testing.assert_allclose(camera.project(rays) + 0.5, seen, atol=1e-6)


def test_model_numbers_are_colmaps() -> None:
    pycolmap = pytest.importorskip("pycolmap")
    theirs = {int(kind.value): name for name, kind in pycolmap.CameraModelId.__members__.items() if name != "INVALID"}
    assert {number: name for number, (name, _) in MODELS.items()} == theirs


def test_pictures_that_are_missing_are_counted(tmp_path: Path) -> None:
    root = with_pictures(tmp_path / "scene")
    write_colmap_text(root / "sparse" / "0", (*NUMBERS, 5, 6))
    sequence = open_sequence(root)
    assert_numbers(sequence, (1, 2, 10))
    assert "left out: 2 frames: the picture is missing (frame0005.png, frame0006.png)" in sequence.summary.text()
    assert len(sequence) + sequence.summary.frames_left_out == 5
    shutil.rmtree(root / "images")
    with pytest.raises(DatasetError, match=r"scene: none of its 5 pictures is there; the first should be .*images/fr"):
        open_sequence(root)


def test_smaller_copies_scale_the_camera_and_another_shape_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "scene"
    write_colmap_text(root / "sparse" / "0", (1, 2))
    for number in (1, 2):
        write_picture(root / "images" / f"frame{number:04d}.png", number, (32, 24))
    assert open_sequence(root).camera == PINHOLE.resized(32, 24)
    for number in (1, 2):
        write_picture(root / "images" / f"frame{number:04d}.png", number, (48, 64))
    with pytest.raises(DatasetError, match=r"frame0001\.png: is 48x64, .* another shape than the 64x48.*--camera FILE"):
        open_sequence(root)


def test_several_cameras_of_one_kind_are_resampled_to_one(tmp_path: Path) -> None:
    root = with_pictures(tmp_path / "scene")
    second = "2 PINHOLE 64 48 66 66 32 24"
    write_colmap_text(root / "sparse" / "0", NUMBERS, [IDENTITY_MODEL, second])
    images = root / "sparse" / "0" / "images.txt"
    lines = images.read_text().splitlines()
    images.write_text("\n".join(line.replace(" 1 frame0010", " 2 frame0010") for line in lines) + "\n")
    gradient = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (48, 1, 3))
    cv2.imwrite(str(root / "images" / "frame0001.png"), gradient)
    sequence = open_sequence(root)
    assert (sequence.camera.fx, sequence.camera.fy) == (66.0, 66.0)
    assert "2 different ones (fx 60.0 to 66.0)" in sequence.summary.text()
    # A column of the common camera shows the column of the first camera at the same angle.
    ray = (50 - 31.5) / 66.0
    assert sequence.read_image(0)[24, 50, 0] == pytest.approx(31.5 + 60.0 * ray, abs=1.0)
    given = tmp_path / "cameras.txt"
    given.write_text(IDENTITY_MODEL + "\n")
    chosen = open_sequence(root, RecordingOptions(camera=given))
    assert chosen.camera == PINHOLE
    assert chosen.read_image(0)[24, 50, 0] == 50


def test_pictures_of_another_size_than_most_are_left_out(tmp_path: Path) -> None:
    root = with_pictures(tmp_path / "scene")
    write_colmap_text(root / "sparse" / "0", NUMBERS, [IDENTITY_MODEL, "2 PINHOLE 48 64 60 60 24 32"])
    images = root / "sparse" / "0" / "images.txt"
    images.write_text(images.read_text().replace(" 1 frame0002", " 2 frame0002"))
    sequence = open_sequence(root)
    assert_numbers(sequence, (1, 10))
    assert "1 frames: another camera than the 64x48 (plumb_bob) of most" in sequence.summary.text()


def test_folders_of_pictures_are_separate_drives(tmp_path: Path) -> None:
    root = tmp_path / "scene"
    names = [f"{folder}/{number}.png" for folder in ("a", "b") for number in (1, 2)]
    for i, name in enumerate(names):
        write_picture(root / "images" / name, i)
    write_colmap_text(root / "sparse" / "0", (0, 1, 2, 3))
    images = root / "sparse" / "0" / "images.txt"
    text = images.read_text()
    for i, name in enumerate(names):
        text = text.replace(f"frame{i:04d}.png", name)
    images.write_text(text)
    sequence = open_sequence(root)
    assert_numbers(sequence, (0, 1, 2, 3))
    assert sequence.pairs().tolist() == [[0, 1], [2, 3]]


def test_times_in_the_names_are_stamps(tmp_path: Path) -> None:
    root = tmp_path / "scene"
    stamps = [1403636579763555584, 1403636579813555456, 1403636579963555584]  # 50 ms, then three times as long
    for i, stamp in enumerate(stamps):
        write_picture(root / "images" / f"{stamp}.png", i)
    write_colmap_text(root / "sparse" / "0", (0, 1, 2))
    images = root / "sparse" / "0" / "images.txt"
    text = images.read_text()
    for i, stamp in enumerate(stamps):
        text = text.replace(f"frame{i:04d}.png", f"{stamp}.png")
    images.write_text(text)
    sequence = open_sequence(root)
    assert sequence.stamps.tolist() == stamps
    assert "no times are known" not in sequence.summary.text()


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("images.txt", lambda text: text + "7 1 0 0\n", r"images\.txt:\d+: not 'IMAGE_ID QW.*two lines"),
        (
            "images.txt",
            lambda text: text.replace(" 1 frame0002", " 3 frame0002"),
            "has camera 3, which cameras does not",
        ),
        ("images.txt", lambda text: "# nothing\n", "no picture is registered"),
        ("cameras.txt", lambda text: "1 PINHOLE 64 48 60 62 32\n", "PINHOLE has 4 parameters, not 3"),
        ("cameras.txt", lambda text: "1 PINHOLE 64\n", r"cameras\.txt:1: not 'CAMERA_ID MODEL"),
        ("cameras.txt", lambda text: "1 PINHOLE 64 48 0 62 32 24\n", r"cameras\.txt:1, camera 1: focal lengths"),
        ("cameras.txt", lambda text: "1 FOV 64 48 60 62 32 24 0.5\n", "camera model FOV has no counterpart"),
    ],
)
def test_broken_text_is_named(tmp_path: Path, file: str, change: object, message: str) -> None:
    root = with_pictures(tmp_path / "scene")
    write_colmap_text(root / "sparse" / "0", NUMBERS)
    path = root / "sparse" / "0" / file
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(DatasetError, match=message):
        open_sequence(root)


@pytest.mark.parametrize("file", ["cameras.bin", "images.bin"])
def test_binary_files_that_end_early_or_are_damaged_are_named(tmp_path: Path, file: str) -> None:
    root = with_pictures(tmp_path / "scene")
    write_colmap_binary(root / "sparse" / "0", NUMBERS, 1, (60.0, 62.0, 32.0, 24.0))
    path = root / "sparse" / "0" / file
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=rf"{file}: ends too early or is damaged"):
            open_sequence(root)
    path.write_bytes(b"\xff" * 8 + whole[8:])  # 2^64 - 1 entries
    with pytest.raises(DatasetError, match=rf"{file}: ends too early or is damaged"):
        open_sequence(root)


def test_poses_that_are_not_finite_are_unknown(tmp_path: Path) -> None:
    root = with_pictures(tmp_path / "scene")
    write_colmap_text(root / "sparse" / "0", NUMBERS)
    images = root / "sparse" / "0" / "images.txt"
    lines = images.read_text().splitlines()
    words = lines[4].split()
    lines[4] = " ".join([words[0], *["0"] * 4, *words[5:]])  # frame 10
    images.write_text("\n".join(lines) + "\n")
    assert open_sequence(root).has_pose.tolist() == [True, True, False]
