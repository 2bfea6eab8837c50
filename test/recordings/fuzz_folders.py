"""Small recordings in the formats of folders, and damage to one of their files."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import bag_cases as cases
import cv2
import numpy as np
from fuzz_bytes import Guarded, damage

from localization_common.geometry import se3

_COUNT = 6
_VALUES = ["nan", "inf", "-1", "0", "1e308", "-1e-308", "9" * 30, "x", "", "1700000000000000000", "null", "[]", '"a"']


class Folder(NamedTuple):
    """Format: name, and function that writes a recording into an empty folder."""

    name: str
    write: Callable[[Path], None]


def _pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), cv2.GaussianBlur(cases.picture(i), (0, 0), 3.0))


def _poses() -> list[tuple[list[float], list[float], np.ndarray]]:
    """Translation, quaternion (w first) and matrix of each frame."""
    matrices = [cases.truth_at(0.2 * i) @ cases.BASE_T_CAMERA for i in range(_COUNT)]
    parts = [se3.to_parts(matrix) for matrix in matrices]
    return [(t.tolist(), q.tolist(), matrix) for (t, q), matrix in zip(parts, matrices, strict=True)]


def _tum(path: Path) -> None:
    times = [1300.0 + 0.2 * i for i in range(_COUNT)]
    names = [f"{t:.4f}.png" for t in times]
    _pictures(path / "rgb", names)
    (path / "depth").mkdir()
    for i, name in enumerate(names[:3]):
        cv2.imwrite(str(path / "depth" / name), np.full((24, 32), 5000 + i, np.uint16))
    (path / "rgb.txt").write_text("# rgb\n" + "".join(f"{n[:-4]} rgb/{n}\n" for n in names))
    (path / "depth.txt").write_text("".join(f"{n[:-4]} depth/{n}\n" for n in names[:3]))
    lines = [
        f"{time:.4f} {' '.join(map(str, t))} {q[1]} {q[2]} {q[3]} {q[0]}\n"
        for time, (t, q, _) in zip(times, _poses(), strict=True)
    ]
    (path / "groundtruth.txt").write_text("".join(lines))


def _euroc(path: Path) -> None:
    sensor, truth = path / "mav0" / "cam0", path / "mav0" / "state_groundtruth_estimate0"
    times = [cases.stamp(0.2 * i) for i in range(_COUNT)]
    _pictures(sensor / "data", [f"{t}.png" for t in times])
    truth.mkdir()
    (sensor / "data.csv").write_text("#timestamp [ns],filename\n" + "".join(f"{t},{t}.png\n" for t in times))
    mount = ", ".join(map(str, cases.BASE_T_CAMERA.ravel()))
    (sensor / "sensor.yaml").write_text(
        f"sensor_type: camera\nT_BS:\n  cols: 4\n  rows: 4\n  data: [{mount}]\nrate_hz: 5\nresolution: [32, 24]\n"
        "camera_model: pinhole\nintrinsics: [30.0, 31.0, 15.2, 11.7]\ndistortion_model: radial-tangential\n"
        "distortion_coefficients: [-0.01, 0.02, 0.0, 0.0]\n"
    )
    rows = []
    for i, time in enumerate(times):
        t, q = se3.to_parts(cases.truth_at(0.2 * i))
        rows.append(f"{time},{','.join(map(str, (*t, *q)))},0,0,0\n")
    (truth / "data.csv").write_text("#timestamp,p_x,p_y,p_z,q_w,q_x,q_y,q_z\n" + "".join(rows))


def _seven_scenes(path: Path) -> None:
    stems = [f"frame-{i:06d}" for i in range(_COUNT)]
    _pictures(path, [f"{stem}.color.png" for stem in stems])
    for stem, (_, _, matrix) in zip(stems, _poses(), strict=True):
        np.savetxt(path / f"{stem}.pose.txt", matrix)
    cv2.imwrite(str(path / f"{stems[0]}.depth.png"), np.full((24, 32), 1000, np.uint16))


def _kitti(path: Path) -> None:
    _pictures(path / "image_2", [f"{i:06d}.png" for i in range(_COUNT)])
    (path / "times.txt").write_text("".join(f"{0.1 * i:e}\n" for i in range(_COUNT)))
    rows = ["30 0 15.2 0 0 31 11.7 0 0 0 1 0", "30 0 15.2 0 0 31 11.7 0 0 0 1 0", "30 0 15.2 2 0 31 11.7 0 0 0 1 0"]
    (path / "calib.txt").write_text("".join(f"P{i}: {row}\n" for i, row in enumerate(rows)))
    np.savetxt(path / "poses.txt", [matrix[:3].ravel() for _, _, matrix in _poses()])


def _transforms(path: Path) -> None:
    names = [f"frame_{i:05d}.png" for i in range(_COUNT)]
    _pictures(path / "images", names)
    turn = np.diag([1.0, -1.0, -1.0, 1.0])
    frames = [
        {"file_path": f"images/{name}", "transform_matrix": (matrix @ turn).tolist()}
        for name, (_, _, matrix) in zip(names, _poses(), strict=True)
    ]
    values = {"w": 32, "h": 24, "fl_x": 30.0, "fl_y": 31.0, "cx": 15.7, "cy": 12.2, "k1": 0.01, "frames": frames}
    (path / "transforms.json").write_text(json.dumps(values, indent=1))


def _colmap_text(path: Path) -> None:
    names = [f"frame_{i:05d}.png" for i in range(_COUNT)]
    _pictures(path / "images", names)
    (path / "sparse" / "0").mkdir(parents=True)
    (path / "sparse" / "0" / "cameras.txt").write_text("1 OPENCV 32 24 30.0 31.0 15.7 12.2 0.01 0.0 0.0 0.0\n")
    lines = [
        f"{i + 1} {' '.join(map(str, (*q, *t)))} 1 {name}\n1.0 2.0 -1\n"
        for i, (name, (t, q)) in enumerate(zip(names, _inverses(), strict=True))
    ]
    (path / "sparse" / "0" / "images.txt").write_text("# images\n" + "".join(lines))


def _colmap_binary(path: Path) -> None:
    names = [f"frame_{i:05d}.png" for i in range(_COUNT)]
    _pictures(path / "images", names)
    model = path / "sparse" / "0"
    model.mkdir(parents=True)
    (model / "cameras.bin").write_bytes(struct.pack("<QiiQQ4d", 1, 1, 1, 32, 24, 30.0, 31.0, 15.7, 12.2))
    data = struct.pack("<Q", _COUNT)
    for i, (name, (t, q)) in enumerate(zip(names, _inverses(), strict=True)):
        data += struct.pack("<i7di", i + 1, *q, *t, 1) + name.encode() + b"\0" + struct.pack("<Qddq", 1, 1.0, 2.0, -1)
    (model / "images.bin").write_bytes(data)


def _inverses() -> list[tuple[list[float], list[float]]]:
    parts = (se3.to_parts(se3.inverse(matrix)) for _, _, matrix in _poses())
    return [(t.tolist(), q.tolist()) for t, q in parts]


FOLDERS = {
    name: Folder(name, write)
    for name, write in {
        "tum": _tum,
        "euroc": _euroc,
        "seven-scenes": _seven_scenes,
        "kitti": _kitti,
        "transforms": _transforms,
        "colmap-text": _colmap_text,
        "colmap-binary": _colmap_binary,
    }.items()
}


def spoil_folder(path: Path, chance: random.Random) -> tuple[Path, str]:
    """Damage one file of a recording, half of the time a small one; return its path and the damage in words."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    texts = [file for file in files if file.suffix != ".png"]
    file = chance.choice(texts if chance.random() < 0.6 else files)
    if chance.random() < 0.1:
        file.unlink()
        return file, f"{file.name} deleted"
    if file.suffix == ".bin" or file.suffix == ".png" or chance.random() < 0.3:
        data, what = damage(file.read_bytes(), chance, Guarded(b"", ()))
        file.write_bytes(data)
        return file, f"{file.name}: {what}"
    text, what = _spoil_text(file.read_text(), chance)
    file.write_text(text)
    return file, f"{file.name}: {what}"


def _spoil_text(text: str, chance: random.Random) -> tuple[str, str]:
    lines = text.splitlines(keepends=True)
    kind = chance.choice(["value", "value", "value", "drop line", "double line", "swap lines", "join lines"])
    place = chance.randrange(len(lines))
    if kind == "value":
        numbers = list(re.finditer(r"-?\d+(\.\d+)?(e[-+]?\d+)?", text))
        chosen, value = chance.choice(numbers), chance.choice(_VALUES)
        return text[: chosen.start()] + value + text[chosen.end() :], f"{chosen[0]} is {value!r}"
    if kind == "drop line":
        del lines[place]
    elif kind == "double line":
        lines.insert(place, lines[place])
    elif kind == "swap lines":
        other = chance.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines[place] = lines[place].rstrip("\n")
    return "".join(lines), f"{kind} {place + 1}"
