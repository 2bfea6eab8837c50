"""Folders with damaged files: they are read, or refused with an error that names the place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from folder_cases import (
    map_T_camera,
    opengl_matrix,
    write_colmap_binary,
    write_colmap_text,
    write_json,
    write_picture,
)

from localization_common.datasets import open_sequence
from localization_common.errors import LocalizationError

FRAMES = 6
MUTATIONS = 40


def _pictures(root: Path, form: str) -> Path:
    for number in range(FRAMES):
        write_picture(root / form.format(number), number)
    return root


def _poses(separator: str = " ") -> list[str]:
    rows = ((n, map_T_camera(n)[:3, 3]) for n in range(FRAMES))
    return [separator.join([f"{1305031100 + n}.5", *(f"{v:.4f}" for v in p), "0", "0", "0", "1"]) for n, p in rows]


def colmap_text(root: Path) -> None:
    write_colmap_text(_pictures(root, "images/frame{:04d}.png") / "sparse" / "0", range(FRAMES))


def colmap_binary(root: Path) -> None:
    write_colmap_binary(_pictures(root, "images/frame{:04d}.png") / "sparse" / "0", range(FRAMES), 1, (60, 60, 32, 24))


def transforms(root: Path) -> None:
    _pictures(root, "images/{}.png")
    frames = [{"file_path": f"images/{n}.png", "transform_matrix": opengl_matrix(n)} for n in range(FRAMES)]
    write_json(root / "transforms.json", {"fl_x": 60.0, "w": 64, "h": 48, "k1": 0.01, "frames": frames})


def record3d(root: Path) -> None:
    _pictures(root, "rgb/{}.jpg")
    poses = [[0.0, 0.0, 0.0, 1.0, 0.1 * n, 0.0, 0.0] for n in range(FRAMES)]
    k = [60.0, 0.0, 0.0, 0.0, 60.0, 0.0, 32.0, 24.0, 1.0]
    write_json(root / "metadata.json", {"w": 64, "h": 48, "fps": 30, "K": k, "poses": poses})


def polycam(root: Path) -> None:
    for number in range(FRAMES):
        matrix = opengl_matrix(number)
        values = {f"t_{i}{j}": matrix[i][j] for i in range(3) for j in range(4)}
        camera = {"fx": 60, "fy": 60, "cx": 32, "cy": 24, "width": 64, "height": 48}
        write_picture(root / "keyframes" / "images" / f"{1000 + number}.jpg", number)
        write_json(root / "keyframes" / "cameras" / f"{1000 + number}.json", values | camera)


def euroc(root: Path) -> None:
    stamps = [1403636579763555584 + n * 50_000_000 for n in range(FRAMES)]
    for number, stamp in enumerate(stamps):
        write_picture(root / "mav0" / "cam0" / "data" / f"{stamp}.png", number)
    (root / "mav0" / "cam0" / "data.csv").write_text("#t,f\n" + "".join(f"{s},{s}.png\n" for s in stamps))
    (root / "mav0" / "cam0" / "sensor.yaml").write_text(
        "T_BS:\n  data: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]\nresolution: [64, 48]\n"
        "camera_model: pinhole\nintrinsics: [60, 60, 32, 24]\n"
    )
    truth = root / "mav0" / "state_groundtruth_estimate0"
    truth.mkdir()
    (truth / "data.csv").write_text("#t\n" + "".join(f"{s},0,0,{n},1,0,0,0\n" for n, s in enumerate(stamps)))


def tum(root: Path) -> None:
    _pictures(root, "rgb/{}.png")
    (root / "rgb.txt").write_text("".join(f"{1305031100 + n}.5 rgb/{n}.png\n" for n in range(FRAMES)))
    (root / "groundtruth.txt").write_text("\n".join(_poses()) + "\n")


def kitti(root: Path) -> None:
    _pictures(root, "image_2/{:06d}.png")
    (root / "calib.txt").write_text("P2: 60 0 32 4.5 0 60 24 0 0 0 1 0\n")
    (root / "times.txt").write_text("".join(f"{0.1 * n:e}\n" for n in range(FRAMES)))
    (root / "poses.txt").write_text("".join(f"1 0 0 0 0 1 0 0 0 0 1 {n}\n" for n in range(FRAMES)))


def seven_scenes(root: Path) -> None:
    _pictures(root, "frame-{:06d}.color.png")
    for number in range(FRAMES):
        np.savetxt(root / f"frame-{number:06d}.pose.txt", map_T_camera(number), fmt="%.6e")


def deeploc(root: Path) -> None:
    for number in range(FRAMES):
        write_picture(root / "LeftImages" / f"Image_{number}.png", number, (64, 36))
    lines = "".join(f"Image_{n} 0 0 {n} 1 0 0 0\n" for n in range(FRAMES))
    (root / "poses.txt").write_text("img_name x y z qw qx qy qz\n" + lines)


def cambridge(root: Path) -> None:
    names = [f"{root.name}/frame{n:05d}.png" for n in range(FRAMES)]
    for number, name in enumerate(names):
        write_picture(root.parent / name, number, (96, 54))
    lines = "".join(f"{name} {n} 0 0 1 0 0 0\n" for n, name in enumerate(names))
    (root.parent / "dataset_train.txt").write_text("Visual Landmark Dataset V1\nImageFile, X\n\n" + lines)
    cameras = "".join(f"{name[:-3]}jpg 1670 1 0 0 0 0 0 0 0 0\n" for name in names)
    (root.parent / "reconstruction.nvm").write_text(f"NVM_V3\n\n{FRAMES}\n{cameras}\n0\n")


MAKERS = (
    colmap_text, colmap_binary, transforms, record3d, polycam, euroc, tum, kitti, seven_scenes, deeploc, cambridge,
)  # fmt: skip


def mutated(raw: bytes, random: np.random.Generator) -> bytes:
    """Damage bytes in one way."""
    kind = random.integers(7)
    at = int(random.integers(len(raw) + 1))
    if kind == 0:
        return raw[:at]
    if kind == 1:
        flipped = bytearray(raw)
        for place in random.integers(0, len(raw), 3) if raw else ():
            flipped[place] ^= 1 << int(random.integers(8))
        return bytes(flipped)
    if kind == 2:
        return raw[:at] + bytes(random.integers(0, 256, 20, dtype=np.uint8)) + raw[at:]
    words = raw.split(b" ")
    place = int(random.integers(len(words)))
    if kind == 3:
        strange = (b"nan", b"-inf", b"1e308", b"1e999", b"99999999999999999999", b"", b"-1", b"\xef\xbb\xbf", b"null")
        words[place] = strange[int(random.integers(len(strange)))]
        return b" ".join(words)
    lines = raw.split(b"\n")
    place = int(random.integers(len(lines)))
    if kind == 4:
        del lines[place]
    elif kind == 5:
        lines.insert(place, lines[int(random.integers(len(lines)))])
    else:
        random.shuffle(lines)
    return b"\n".join(lines)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # overflow, in poses of 1e308 m
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_damage_is_refused_with_the_place_or_read(tmp_path: Path, maker: Callable[[Path], None]) -> None:
    whole = tmp_path / "whole" / "drive"
    whole.mkdir(parents=True)
    maker(whole)
    assert open_sequence(whole).has_pose.all()
    random = np.random.default_rng(7)
    for number in range(MUTATIONS):
        copy = tmp_path / str(number)
        shutil.copytree(whole.parent, copy)
        every = sorted(file for file in copy.rglob("*") if file.is_file())
        described = [file for file in every if file.suffix not in (".png", ".jpg")]
        among = described if described and random.random() < 0.8 else every
        file = among[int(random.integers(len(among)))]
        file.write_bytes(mutated(file.read_bytes(), random))
        for message in refusals(copy / "drive"):
            assert str(copy) in message, f"{file} of {number}: {message}"
        shutil.rmtree(copy)


def refusals(path: Path) -> list[str]:
    """Errors of this package from opening a recording and reading all of its pictures."""
    try:
        sequence = open_sequence(path)
    except LocalizationError as error:
        return [str(error)]
    assert np.isfinite(sequence.map_T_camera[sequence.has_pose]).all()
    messages = []
    for position in range(len(sequence)):
        try:
            image = sequence.read_image(position)
        except LocalizationError as error:
            messages.append(str(error))
            continue
        assert image.shape == (sequence.camera.height, sequence.camera.width, 3)
    return messages
