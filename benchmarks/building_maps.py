"""Keyframe maps of the benchmark of buildings, and how long they took to build."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from building_floors import CAMERA, Floor, mapping_keyframes
from localization_common.files.atomic_write import write_whole
from localization_common.keyframes.building import build
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.repeated_views import mark_repeated_views

Numbers = dict[str, Any]


@dataclass(frozen=True)
class BuiltMap:
    """Map of a floor in a file.

    Attributes:
        path: file of the map.
        about: its size, and seconds of its parts.
    """

    path: Path
    about: Numbers


def map_of(floor: Floor, work: Path) -> BuiltMap:
    """Build the map of a floor, or take the one in the work directory.

    Frames between the keyframes are not rendered, so that the covariances of refined poses are not calibrated.
    """
    path, about = work / f"{floor.file}_map.safetensors", work / f"{floor.file}_map.json"
    if not (path.exists() and about.exists()):
        keyframes = mapping_keyframes(floor, work)
        started = time.monotonic()
        built = build(keyframes, floor.config, {"data": [floor.name]})
        finished = time.monotonic()
        marked = mark_repeated_views(built, keyframes.features, CAMERA)
        numbers = {"build_s": finished - started, "repeated_s": time.monotonic() - finished}
        marked.save(path)
        write_whole(about, json.dumps(numbers | _size(path)).encode())
    return BuiltMap(path, json.loads(about.read_text(encoding="utf-8")))


def _size(path: Path) -> Numbers:
    known = KeyframeMap.load(path)
    return {
        "megabytes": path.stat().st_size / 1e6,
        "keyframes": len(known.thumbnails),
        "points": len(known.points),
        "appearances": len(known.descriptors),
        "tiles": len(known.tile_first),
        "repeated": float(np.mean(known.repeated_view)),
    }
