"""Files of every kind that this package reads from users, small and without damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fuzz_bags
import numpy as np
import stage_models
import test_mutated_folders as folders
import torch
import zstandard
from hostile_bags import DATABASES, MCAPS, MESSAGES, PACKED, PICTURES
from hostile_case import Seed
from hostile_tensors import LIES, NUMBERS
from hostile_texts import JSONS, TEXTS, YAMLS
from made_places import drawn_drive, make_place

from localization_common.datasets.world_shards import shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.files.trajectory_files import write_tum
from localization_common.place import Place
from localization_common.place.saved_pose import SavedPose, pose_file
from localization_mapping.occupancy.grid import GridArea, OccupancyGrid
from localization_mapping.occupancy.map_files import write_map_files
from vlocnet_ros.commands.export import export_onnx

#: Folders in published formats: name of the maker -> files that are damaged, and their kinds of damage.
_FOLDERS = {
    "colmap_text": {"sparse/0/cameras.txt": TEXTS, "sparse/0/images.txt": TEXTS},
    "colmap_binary": {"sparse/0/cameras.bin": {}, "sparse/0/images.bin": {}},
    "transforms": {"transforms.json": TEXTS | JSONS},
    "record3d": {"metadata.json": TEXTS | JSONS},
    "polycam": {"keyframes/cameras/1000.json": TEXTS | JSONS},
    "euroc": {
        "mav0/cam0/data.csv": TEXTS,
        "mav0/cam0/sensor.yaml": TEXTS | YAMLS,
        "mav0/state_groundtruth_estimate0/data.csv": TEXTS,
    },
    "tum": {"rgb.txt": TEXTS, "groundtruth.txt": TEXTS, "rgb/0.png": PICTURES},
    "kitti": {"calib.txt": TEXTS, "times.txt": TEXTS, "poses.txt": TEXTS},
    "seven_scenes": {"frame-000000.pose.txt": TEXTS, "frame-000000.color.png": PICTURES},
    "deeploc": {"poses.txt": TEXTS},
}
_CAMERA = (
    "image_width: 64\nimage_height: 48\ndistortion_model: plumb_bob\n"
    "camera_matrix: {rows: 3, cols: 3, data: [60.0, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]}\n"
    "distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0.01, 0.0, 0.0, 0.0]}\n"
)


def make_seeds(root: Path) -> Iterator[Seed]:
    """Write all files below an empty folder."""
    yield from _models(root / "models")
    yield from _maps(root)
    yield from _texts(root)
    yield from _recordings(root)
    yield from _bags(root)


def _models(folder: Path) -> Iterator[Seed]:
    folder.mkdir()
    stage_models.save_models(folder)
    (folder / "lost.safetensors").unlink()
    exported = folder.with_name("exported")
    exported.mkdir()
    export_onnx(folder / "vlocnet.safetensors", exported / "vlocnet.onnx")
    tensors = LIES | NUMBERS
    yield Seed("vlocnet", folder, "vlocnet.safetensors", "vlocnet.safetensors", tensors)
    yield Seed("dmn", folder, "dmn.safetensors", special=tensors)
    yield Seed("dmn", folder, "map.safetensors", special=tensors)
    yield Seed("keyframes", folder, "keyframes.safetensors", "keyframes.safetensors", tensors)
    yield Seed("vlocnet", exported, "vlocnet.onnx", "vlocnet.onnx")


def _maps(root: Path) -> Iterator[Seed]:
    make_place(root / "place", drawn_drive())
    yield Seed("place", root / "place", "place.yaml", special=TEXTS | JSONS)
    saved = pose_file(make_place(root / "saved" / "kitchen", drawn_drive()), "/dmn")
    SavedPose.of(Place.open(root / "saved" / "kitchen"), "map", 1, np.eye(4), np.eye(6)).write(saved)
    yield Seed("saved_pose", root / "saved", saved.name, special=TEXTS | JSONS)
    (root / "occupancy").mkdir()
    cells = np.random.default_rng(0).choice(np.array([0, 100, -1], np.int8), (12, 16))
    write_map_files(OccupancyGrid(GridArea((-1.0, 2.0), 12, 16, 0.05), cells), root / "occupancy")
    yield Seed("occupancy", root / "occupancy", "occupancy.yaml", "occupancy.yaml", TEXTS | YAMLS)
    yield Seed("occupancy", root / "occupancy", "occupancy.pgm", "occupancy.yaml", PICTURES)
    (root / "worlds").mkdir()
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 3, 8, 8, 3), dtype=np.uint8)
    worlds = WorldSet("rooms", images, random.random((2, 3, 3)).astype(np.float32), np.zeros((2, 3), np.uint8))
    write_shard(shard_path(root / "worlds", 0), worlds, first=0, recipe={"seed": 1})
    yield Seed("worlds", root / "worlds", "00000.safetensors", special=LIES | NUMBERS)


def _texts(root: Path) -> Iterator[Seed]:
    (root / "camera").mkdir()
    (root / "camera" / "camera.yaml").write_text(_CAMERA)
    (root / "camera" / "matrix.txt").write_text("60.0 0 32\n0 60 24\n0 0 1\n")
    yield Seed("camera", root / "camera", "camera.yaml", "camera.yaml", TEXTS | YAMLS)
    yield Seed("camera", root / "camera", "matrix.txt", "matrix.txt", TEXTS)
    (root / "poses").mkdir()
    stamps = np.arange(20, dtype=np.int64) * 100_000_000 + 1_700_000_000_000_000_000
    write_tum(root / "poses" / "poses.tum", stamps, np.tile(np.eye(4), (20, 1, 1)))
    yield Seed("poses", root / "poses", "poses.tum", "poses.tum", TEXTS)


def _recordings(root: Path) -> Iterator[Seed]:
    for maker in folders.MAKERS:
        if maker.__name__ in _FOLDERS:
            folder = root / maker.__name__
            folder.mkdir()
            maker(folder)
            for target, special in _FOLDERS[maker.__name__].items():
                yield Seed("recording", folder, target, special=special)


def _bags(root: Path) -> Iterator[Seed]:
    for name, special in {"mcap": MCAPS, "mcap-zstd": {}, "db3": DATABASES, "bag": {}, "bag-bz2": {}}.items():
        storage, folder = fuzz_bags.STORAGES[name], root / f"bag-{name}"
        folder.mkdir()
        file = f"drive{storage.suffix}"
        storage.write(folder / file, fuzz_bags.drive_in_bytes())
        own = MESSAGES if name in ("mcap", "db3") else {}
        yield Seed("recording", folder, file, file, {**special, **own})
        if name == "db3":
            yield from _bag_folders(root, (folder / file).read_bytes())


def _bag_folders(root: Path, database: bytes) -> Iterator[Seed]:
    """Bag in a folder with metadata, and one that is compressed as a whole."""
    text = (
        "rosbag2_bagfile_information:\n  version: 9\n  storage_identifier: sqlite3\n  relative_file_paths:\n"
        "    - drive.db3\n  compression_format: ''\n  compression_mode: ''\n  topics_with_message_count: []\n"
    )
    described, packed = root / "described", root / "packed"
    for folder in (described, packed):
        folder.mkdir()
    (described / "drive.db3").write_bytes(database)
    (described / "metadata.yaml").write_text(text)
    (packed / "drive.db3.zstd").write_bytes(zstandard.compress(database))
    compressed = text.replace("drive.db3", "drive.db3.zstd").replace("format: ''", "format: zstd")
    (packed / "metadata.yaml").write_text(compressed.replace("mode: ''", "mode: FILE"))
    yield Seed("recording", described, "metadata.yaml", special=TEXTS | YAMLS)
    yield Seed("recording", packed, "drive.db3.zstd", special=PACKED)


torch.set_num_threads(1)
