"""Parts of a place: names of their files, and the commands that make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PartName = Literal["keyframes", "features", "context_map", "occupancy", "report", "vlocnet", "dmn"]


@dataclass(frozen=True)
class Part:
    """Part of a place.

    Attributes:
        file: name of its file in the place.
        what: the part in words.
        remedy: way to get it where it is missing.
    """

    file: str
    what: str
    remedy: str


_AGAIN = "build the place again (localization_map)"
PARTS: dict[PartName, Part] = {
    "keyframes": Part("keyframes.safetensors", "keyframe map", f"{_AGAIN}, or vlocnet_build_keyframes --place PLACE"),
    "features": Part("features.safetensors", "features of the keyframes", _AGAIN),
    "context_map": Part("context_map.safetensors", "context map", f"{_AGAIN}, or dmn_build_map --place PLACE"),
    "occupancy": Part("occupancy.yaml", "occupancy grid", _AGAIN),
    "report": Part("report.html", "report", _AGAIN),
    "vlocnet": Part("vlocnet.safetensors", "vlocnet checkpoint", "vlocnet_train_schedule --place PLACE trains one"),
    "dmn": Part("dmn.safetensors", "dmn checkpoint of its own", "dmn_train --place PLACE trains one"),
}

#: Folder with the poses of the drives.
POSES = "poses"
#: Beginnings of the names of networks and their companions (cards, exports): they belong to one map frame.
NETWORKS = ("vlocnet.", "dmn.")
#: Names that every build of a place writes anew.
BUILT = frozenset({"place.yaml", POSES, "occupancy.pgm"} | {PARTS[name].file for name in PARTS}) - {
    PARTS["vlocnet"].file, PARTS["dmn"].file,
}  # fmt: skip
