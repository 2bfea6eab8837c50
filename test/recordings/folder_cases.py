"""Small folders in published formats: pictures that show their number, and a path with known poses."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

#: Width and height of the pictures.
SIZE = (64, 48)
IDENTITY_MODEL = "1 PINHOLE 64 48 60 62 32 24"


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """RGB (H, W, 3), one colour for each number, also after JPEG."""
    return np.full((size[1], size[0], 3), (40 * number % 250, 128, 200), np.uint8)


def write_picture(path: Path, number: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(picture(number, size), cv2.COLOR_RGB2BGR))


def map_T_camera(number: int) -> np.ndarray:
    """Pose (4, 4) of the optical frame: an arc, 0.3 m a frame, with all three angles."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("zyx", [0.4 + 0.1 * number, -0.2, 0.05 * number]).as_matrix()
    pose[:3, 3] = [0.3 * number, 1.0 - 0.1 * number, 0.5]
    return pose


def assert_numbers(sequence: object, numbers: Sequence[int]) -> None:
    """Assert that a sequence has these pictures, in this order."""
    shown = [int(sequence.read_image(i)[0, 0, 0]) for i in range(len(sequence))]  # type: ignore[attr-defined]
    np.testing.assert_allclose(shown, [40 * n % 250 for n in numbers], atol=3)


def colmap_lines(numbers: Sequence[int], name: str = "frame{:04d}.png", camera: int = 1) -> list[str]:
    """Lines of images.txt: two for each picture. COLMAP has camera_T_map and w first."""
    lines = []
    for image, number in enumerate(numbers, 1):
        camera_T_map = np.linalg.inv(map_T_camera(number))
        x, y, z, w = Rotation.from_matrix(camera_T_map[:3, :3]).as_quat()
        t = " ".join(f"{v:.12g}" for v in camera_T_map[:3, 3])
        lines.append(f"{image} {w:.12g} {x:.12g} {y:.12g} {z:.12g} {t} {camera} {name.format(number)}")
        lines.append("12.5 20.25 7 3.0 4.0 -1" if number % 2 else "")
    return lines


def write_colmap_text(folder: Path, numbers: Sequence[int], cameras: Sequence[str] = (IDENTITY_MODEL,)) -> None:
    """Write cameras.txt, images.txt, points3D.txt with COLMAP's headings."""
    folder.mkdir(parents=True, exist_ok=True)
    heading = "# Camera list with one line of data per camera:\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"
    count = f"# Number of cameras: {len(cameras)}\n"
    (folder / "cameras.txt").write_text(heading + count + "".join(f"{line}\n" for line in cameras))
    heading = (
        "# Image list with two lines of data per image:\n"
        "#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n"
        "#   POINTS2D[] as (X, Y, POINT3D_ID)\n"
        f"# Number of images: {len(numbers)}, mean observations per image: 1\n"
    )
    (folder / "images.txt").write_text(heading + "".join(f"{line}\n" for line in colmap_lines(numbers)))
    (folder / "points3D.txt").write_text("# 3D point list with one line of data per point:\n")


def write_colmap_binary(folder: Path, numbers: Sequence[int], model: int, parameters: Sequence[float]) -> None:
    """Write cameras.bin and images.bin, little-endian, with one camera."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = struct.pack("<QiiQQ", 1, 1, model, *SIZE) + struct.pack(f"<{len(parameters)}d", *parameters)
    (folder / "cameras.bin").write_bytes(raw)
    raw = struct.pack("<Q", len(numbers))
    for words in (line.split() for line in colmap_lines(numbers)[::2]):
        raw += struct.pack("<I7dI", int(words[0]), *map(float, words[1:8]), int(words[8]))
        raw += words[9].encode() + b"\0" + struct.pack("<Q2dq2dq", 2, 1.5, 2.5, 9, 3.5, 4.5, -1)
    (folder / "images.bin").write_bytes(raw)
    (folder / "points3D.bin").write_bytes(struct.pack("<Q", 0))


def opengl_matrix(number: int) -> list[list[float]]:
    """Pose map_T_camera with OpenGL's axes: opposite to y and z of the optical frame."""
    matrix = map_T_camera(number)
    matrix[:3, 1:3] *= -1.0
    return matrix.tolist()


def write_json(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=4))
