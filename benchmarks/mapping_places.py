"""Places that ``localization_map`` makes from bags without true poses, and their scores."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence as Many
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from mapping_drives import hidden

Array = npt.NDArray[np.float64]

REPOSITORY = Path(__file__).resolve().parents[1]


def hidden_bag(sequence: Sequence, path: Path) -> Path:
    """Write a drive without its true poses as a bag, unless it is there; return its path."""
    if not path.exists():
        unfinished = path.with_name(f".{path.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_sequence(hidden(sequence), unfinished / path.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        (unfinished / path.name).rename(path)
        unfinished.rmdir()
    return path


def make_place(bags: Many[Path], place: Path, *, extend: bool = False) -> Path:
    """Run the command of a user, with all cores; return the log of its output, beside the place."""
    words = [*(str(path.resolve()) for path in bags), "--output", str(place.resolve()), *(["--extend"] * extend)]
    command = [sys.executable, "-m", "deep_localization.place_building.command", *words]
    place.parent.mkdir(parents=True, exist_ok=True)
    log = place.with_name(f"{place.name}.log")
    with log.open("w", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, cwd=REPOSITORY)
    if ended.returncode:
        sys.exit(f"{shlex.join(command)} failed: see {log}")
    return log


def poses_in(place: Path, bags: Many[Path]) -> Array:
    """Poses of the camera (N, 4, 4) that the place has for all frames of its drives; NaN where it has none."""
    options = RecordingOptions(place=place)
    return np.concatenate([open_sequence(bag, options).map_T_camera for bag in bags])
