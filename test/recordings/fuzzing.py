"""Mutants of recordings, each made from a seed, and the checks that every mutant must pass.

To repeat one: ``FUZZ_SEED=1234 pytest test/recordings/test_fuzzed_recordings.py``.
"""

from __future__ import annotations

import random
import re
import shutil
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import fuzz_bags
import numpy as np
from bag_cases import Array
from fuzz_bytes import Guarded, damage, spoil_records
from fuzz_folders import FOLDERS, Folder, spoil_folder

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError, LocalizationError
from localization_common.messages.stamps import stamp_in

#: Seconds for one mutant; metres that a pose may change when the poses around it are lost.
LIMIT_S, MAX_MOVED = 2.0, 0.03  # the limit is on this process's CPU time: the machine may be busy
LONGEST_MESSAGE = 1500
#: Words of Python and of libraries that a user cannot understand.
_BARE = re.compile(
    r"index out of range|NoneType|has no attribute|Traceback|unpack requires|unpack_from|not subscriptable|broadcast|"
    r"object is not|<class| 0x[0-9a-f]{9}|Error\b"
)


@dataclass(frozen=True)
class Reference:
    """Frames of a recording without damage, by stamp."""

    pixels: dict[int, Array]
    poses: dict[int, Array]
    read: Sequence

    @classmethod
    def of(cls, path: Path) -> Reference:
        """Read a recording."""
        read = open_sequence(path)
        stamps = read.stamps.tolist()
        pixels = {stamp: read.read_image(i) for i, stamp in enumerate(stamps)}
        return cls(pixels, dict(zip(stamps, read.map_T_camera, strict=True)), read)


@dataclass
class Outcome:
    """Result of one mutant; ``faults`` is empty if it passed all checks."""

    what: str
    path: Path
    opened: bool = False
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Fuzzer:
    """Maker and reader of mutants.

    Args:
        folder: folder for files; the mutant of a seed is written to the same place each time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bags: dict[tuple[str, str], tuple[Reference, Path]] = {}
        self._folders = {name: self._new_folder(one) for name, one in FOLDERS.items()}

    def run(self, seed: int) -> Outcome:
        """Make the mutant of a seed, read it and check it."""
        chance = random.Random(seed)
        kind = chance.choices(["messages", "bytes", "folder"], [4, 5, 3])[0]
        make = {"messages": self._messages, "bytes": self._bytes, "folder": self._in_folder}[kind]
        return make(chance)

    def _messages(self, chance: random.Random) -> Outcome:
        storage, ending = chance.choice(list(fuzz_bags.STORAGES)), chance.choice(["", "", ".jpg", ".png"])
        reference, _ = self._bag(storage, ending)
        messages, what = fuzz_bags.spoil(fuzz_bags.drive(ending), chance)
        path = self._folder / f"mutant{fuzz_bags.STORAGES[storage].suffix}"
        path.unlink(missing_ok=True)
        fuzz_bags.STORAGES[storage].write(path, messages)
        outcome = Outcome(f"{storage} {ending}: {what}", path)
        read = _open(path, outcome)
        if read is not None:
            topic = "/image/compressed" if ending else "/image"
            images = [one for one in messages if one.topic == topic]
            kept = _untouched(images, ending)
            moved = "restamp /ground_truth" in what or "restamp /odom" in what
            _check_kept(read, reference, outcome, kept, poses=not moved)
            _check_sum(read, len(images), outcome)
            missing = kept - set(read.stamps.tolist())
            if missing:
                outcome.faults.append(f"images {sorted(missing)} were not touched, but are not there")
        return outcome

    def _bytes(self, chance: random.Random) -> Outcome:
        storage, ending = chance.choice(list(fuzz_bags.STORAGES)), chance.choice(["", "", ".jpg", ".png"])
        reference, source = self._bag(storage, ending)
        whole = source.read_bytes()
        if source.suffix == ".mcap" and chance.random() < 0.3:
            data, what = spoil_records(whole, chance)
        else:
            data, what = damage(whole, chance, self._guarded(storage, ending, whole))
        path = self._folder / f"mutant{source.suffix}"
        path.write_bytes(data)
        outcome = Outcome(f"{storage} {ending}: {what}", path)
        read = _open(path, outcome)
        if read is not None:
            invented = set(read.stamps.tolist()) - set(reference.pixels)
            if invented:
                outcome.faults.append(f"no image has the stamps {sorted(invented)}")
            _check_kept(read, reference, outcome, set(reference.pixels))
            damaged = any(part.what == "damaged parts of the recording" for part in read.summary.left_out)
            if len(read) + read.summary.frames_left_out < fuzz_bags.FRAMES and not damaged:
                outcome.faults.append(f"{len(read)} frames, and not a word about the others: {read.summary.text()}")
            if len(data) < len(whole) and "cut" in what and not damaged:
                outcome.faults.append(f"the file was cut off, which the summary does not report: {read.summary.text()}")
        return outcome

    def _guarded(self, storage: str, ending: str, whole: bytes) -> Guarded:
        if fuzz_bags.STORAGES[storage].guarded:
            return Guarded(whole, ())
        raw = fuzz_bags.drive_in_bytes(ending)
        return Guarded(whole, [fuzz_bags.ros1_bytes(one) if storage == "bag" else one.data for one in raw])

    def _bag(self, storage: str, ending: str) -> tuple[Reference, Path]:
        if (storage, ending) not in self._bags:
            kind = fuzz_bags.STORAGES[storage]
            path = self._folder / f"{storage}{ending}{kind.suffix}"
            kind.write(path, fuzz_bags.drive_in_bytes(ending))
            self._bags[storage, ending] = Reference.of(path), path
        return self._bags[storage, ending]

    def _new_folder(self, folder: Folder) -> Reference:
        path = self._folder / folder.name
        path.mkdir()
        folder.write(path)
        return Reference.of(path)

    def _in_folder(self, chance: random.Random) -> Outcome:
        name = chance.choice(list(FOLDERS))
        path = self._folder / f"mutant-{name}"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self._folder / name, path)
        spoilt, what = spoil_folder(path, chance)
        outcome = Outcome(f"{name}: {what}", path)
        read = _open(path, outcome, whole=False)
        if read is not None and spoilt.suffix == ".png":
            _check_kept(read, self._folders[name], outcome, set(self._folders[name].pixels))
            _check_sum(read, len(self._folders[name].read), outcome)
        return outcome


def _untouched(images: list[fuzz_bags.Raw], ending: str) -> set[int]:
    """Stamps of unchanged images of the drive whose stamp no other image has."""
    original = {one.data for one in fuzz_bags.drive_in_bytes(ending)}
    different = {one.data for one in images}
    stamps = Counter(stamp_in(data) for data in different if len(data) >= 12)
    return {stamp for data in different & original if stamps[stamp := stamp_in(data)] == 1}


def _open(path: Path, outcome: Outcome, *, whole: bool = True) -> Sequence | None:
    """Open a mutant and read every frame; return None, with the faults noted, if it was refused.

    Args:
        path: path of the mutant.
        outcome: result, to which faults are added.
        whole: True if every frame of the sequence must be readable.
    """
    start, read = time.process_time(), None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read = open_sequence(path)
            outcome.opened = True
            _read_all(read, path, outcome, whole=whole)
            _check_lines(read.summary.text(), outcome)
        except LocalizationError as error:
            _check_message(str(error), path, outcome)
        except Exception as error:
            outcome.faults.append("".join(traceback.format_exception(error)))
    outcome.seconds = time.process_time() - start
    if outcome.seconds > LIMIT_S:
        outcome.faults.append(f"took {outcome.seconds:.1f} s")
    return read


def _check_lines(summary: str, outcome: Outcome) -> None:
    for line in summary.split("\n"):
        if len(line) > LONGEST_MESSAGE or not line.isprintable():
            outcome.faults.append(f"a line of the summary has {len(line)} characters: {line[:300]!r}")


def _read_all(read: Sequence, path: Path, outcome: Outcome, *, whole: bool) -> None:
    for i in range(len(read)):
        for reader in (read.read_image, read.read_depth, read.read_labels):
            if reader is None:
                continue
            try:
                reader(i)
            except DatasetError as error:
                _check_message(str(error), path, outcome)
                if whole:
                    outcome.faults.append(f"frame {i} cannot be read: {error}")


def _check_message(text: str, path: Path, outcome: Outcome) -> None:
    if str(path) not in text:
        outcome.faults.append(f"message does not name the path: {text}")
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_MESSAGE:
        outcome.faults.append(f"message is no line of text, or has {len(text)} characters: {text[:2000]!r}")
    if _BARE.search(text):
        outcome.faults.append(f"message has words of a library: {text}")


def _check_kept(read: Sequence, reference: Reference, outcome: Outcome, kept: set[int], *, poses: bool = True) -> None:
    """Compare frames that were not changed with the recording without damage.

    Args:
        read: mutant.
        reference: recording without damage.
        outcome: result, to which faults are added.
        kept: stamps of frames that were not changed.
        poses: True if the true poses were not changed.
    """
    for i, stamp in enumerate(read.stamps.tolist()):
        if stamp not in kept:
            continue
        with suppress(DatasetError):  # in folders, pictures are read when they are needed
            if not np.array_equal(read.read_image(i), reference.pixels[stamp]):
                outcome.faults.append(f"frame {i} shows another picture")
        moved = np.abs(read.map_T_camera[i] - reference.poses[stamp]).max()
        if poses and moved > MAX_MOVED:  # False for NaN: the pose is unknown
            outcome.faults.append(f"the pose of frame {i} moved by {moved:.3f}")
    if read.camera != reference.read.camera:
        outcome.faults.append(f"the camera is {read.camera}")
    if not np.allclose(read.base_T_camera, reference.read.base_T_camera):
        outcome.faults.append(f"the mount is {read.base_T_camera.tolist()}")


def _check_sum(read: Sequence, images: int, outcome: Outcome) -> None:
    counted = len(read) + read.summary.frames_left_out
    if counted != images:
        outcome.faults.append(f"{images} images, but {len(read)} frames and {counted - len(read)} left out")
