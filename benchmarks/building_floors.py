"""Floors of the benchmark of buildings: keyframes of the mapping drives, and frames of a drive that is not in the map.

Only the frames that are used are rendered. They stay in the work directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.building import KeyframeConfig, Keyframes, choose
from localization_common.keyframes.feature_tracks import MatchingConfig
from localization_common.keyframes.features import Features
from localization_sim import drive
from localization_sim.rendering import Renderer, open_apartment

CAMERA = Camera.from_field_of_view(320, 240, 90.0)
#: Images per second of mapping drives on office floors, and of all drives to localize.
_MAP_RATE, RATE = 2.5, 5.0
#: Largest number of seconds after a start; starts are drawn so that there are as many.
_LONGEST = 6.0
#: Keyframes of an office floor are few for their area: they are compared over longer distances, and two are enough.
_SPARSE = KeyframeConfig(
    metres=0.25,
    degrees=8.0,
    views=2,
    matching=MatchingConfig(nearest=8, spread=12, metres=2.5, degrees=40.0),
)
#: Arrays of features and of a sequence that are stored.
_PARTS = ("rays", "descriptors", "sizes")
_SEQUENCE = ("frame_numbers", "stamps", "map_T_camera", "base_T_camera", "odom_T_base")


@dataclass(frozen=True)
class Floor:
    """Floor to map and to localize in.

    Attributes:
        name: name of the row.
        area: area of an office floor, square metres; 0 for the apartment of seed 0.
        keyframes: number of keyframes.
        drives: number of mapping drives.
    """

    name: str
    area: float
    keyframes: int
    drives: int = 3

    @property
    def config(self) -> KeyframeConfig:
        """Parameters of the map."""
        return replace(_SPARSE if self.area else KeyframeConfig(), most=self.keyframes)

    @property
    def file(self) -> str:
        """Beginning of the names of its files."""
        return self.name.replace(" ", "_").replace(",", "")


#: Floors in the order of their area: two keyframes a square metre; in the apartment as many
#: as in the shipped map.
FLOORS = (
    Floor("apartment", 0.0, 400, 12),
    Floor("office, 60 m2", 60.0, 120),
    Floor("office, 300 m2", 300.0, 600),
    Floor("office, 1200 m2", 1200.0, 2400),
    Floor("office, 5000 m2", 5000.0, 10000),
)


@dataclass(frozen=True)
class HeldOut:
    """Frames of a drive that is not in the map.

    Attributes:
        sequence: drive; only the frames after a start can be read.
        first: (S,) positions of the starts.
        count: number of frames from a start on.
    """

    sequence: Sequence
    first: npt.NDArray[np.int64]
    count: int


def mapping_keyframes(floor: Floor, work: Path) -> Keyframes:
    """Choose and render the keyframes of the mapping drives, or read them."""
    path = work / f"{floor.file}_keyframes.npz"
    if not path.exists():
        rate = _MAP_RATE if floor.area else RATE
        with open_apartment(0, CAMERA, office=floor.area) as renderer:
            drives = [_sequence(renderer, f"train_{i:02d}", rate) for i in range(floor.drives)]
            _write_keyframes(path, choose(drives, floor.config, lambda sequence, position: None))
    return _read_keyframes(path)


def held_out(floor: Floor, work: Path, *, starts: int, seconds: float) -> HeldOut:
    """Draw starts in the test drive and render the frames after them, or read them."""
    stem = work / f"{floor.file}_frames_{starts}_{seconds:g}"
    count = round(seconds * RATE) + 1
    about, images = stem.with_suffix(".npz"), stem.with_suffix(".npy")
    if not (about.exists() and images.exists()):
        with open_apartment(0, CAMERA, office=floor.area) as renderer:
            sequence = _sequence(renderer, "test", RATE)
            last = len(sequence) - round(_LONGEST * RATE) - 1
            first = np.sort(np.random.default_rng(0).permutation(last)[:starts])
            _write_images(images, sequence, _used(first, count))
            with _whole(about) as unfinished, unfinished.open("wb") as file:
                arrays: dict[str, Any] = {name: getattr(sequence, name) for name in _SEQUENCE}
                np.savez(file, first=first, **arrays)
    with np.load(about) as stored:
        first, parts = stored["first"], {name: stored[name] for name in _SEQUENCE}
    used = _used(first, count)

    def read(position: int) -> npt.NDArray[np.uint8]:
        stored = np.load(images, mmap_mode="r")  # for this frame only, so that frames stay out of the memory
        return np.array(stored[int(np.searchsorted(used, position))])

    return HeldOut(Sequence(name=floor.name, camera=CAMERA, read_image=read, **parts), first, count)


def _used(first: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Positions of all frames after the starts, increasing."""
    return np.unique((first[:, None] + np.arange(count)).ravel())


def _write_images(path: Path, sequence: Sequence, used: npt.NDArray[np.int64]) -> None:
    if path.exists():
        return
    with _whole(path) as unfinished:
        shape = (len(used), CAMERA.height, CAMERA.width, 3)
        images = np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
        for row, position in enumerate(used.tolist()):
            images[row] = sequence.read_image(position)
        images.flush()


def _sequence(renderer: Renderer, name: str, rate: float) -> Sequence:
    return drive.as_sequence(renderer, drive.plan(renderer, name, rate=rate), depth=False, labels=False)


def _write_keyframes(path: Path, keyframes: Keyframes) -> None:
    found = keyframes.features
    with _whole(path) as unfinished, unfinished.open("wb") as file:
        np.savez(
            file,
            given=keyframes.given,
            thumbnails=keyframes.thumbnails,
            focal=keyframes.focal,
            counts=np.array([len(f) for f in found]),
            rays=np.concatenate([f.rays for f in found]),
            descriptors=np.concatenate([f.descriptors for f in found]),
            sizes=np.concatenate([f.sizes for f in found]),
        )


def _read_keyframes(path: Path) -> Keyframes:
    with np.load(path) as stored:
        ends = np.cumsum(stored["counts"])[:-1]
        parts = [np.split(stored[part], ends) for part in _PARTS]
        features = [Features(*values) for values in zip(*parts, strict=True)]
        return Keyframes(stored["given"], features, stored["thumbnails"], float(stored["focal"]))


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, which gets its name when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    yield unfinished
    unfinished.rename(path)
