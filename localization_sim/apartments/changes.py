"""File ``changes.json`` beside recorded drives: differences of their apartment from that of its seed."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

from localization_common.errors import DatasetError
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.solid import Footprint
from localization_sim.apartments.twin_rooms import TwinRooms

#: Name of the file in the directory that holds the bags.
FILE_NAME = "changes.json"


def write_changes(apartment: Apartment, directory: Path) -> None:
    """Write the file; an apartment without moved furniture and twin rooms has none.

    ``moved``: name, and floor areas before and after. ``twin_rooms``: the floors of both and the 4x4 transform
    ``second_T_first``. Floor areas are min_x, min_y, max_x, max_y, metres in the map frame.
    """
    twins = apartment.plan.twin_rooms
    if twins is None and not apartment.moved:
        return
    moved = [
        {"name": move.name, "before": _rectangle(move.before), "after": _rectangle(move.after)}
        for move in apartment.moved
    ]
    contents = {"seed": apartment.seed, "moved": moved, "twin_rooms": None}
    if twins is not None:
        contents["twin_rooms"] = {
            "first": _rectangle(twins.first),
            "second": _rectangle(twins.second),
            "second_T_first": twins.second_T_first.tolist(),
        }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / FILE_NAME).write_text(json.dumps(contents, indent=1) + "\n")


def read_twin_rooms(directory: str | Path) -> TwinRooms:
    """Read the twin rooms of the apartment from the directory of its drives.

    Raises:
        DatasetError: the file is missing or unreadable, or holds no twin rooms.
    """
    path = Path(directory) / FILE_NAME
    try:
        rooms = json.loads(path.read_text())["twin_rooms"]
        return TwinRooms(Footprint(*rooms["first"]), Footprint(*rooms["second"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path}: no twin rooms in it ({error}); record drives with apartment_record --twin-room"
        ) from error


def _rectangle(area: Footprint) -> list[float]:
    return list(astuple(area)[:4])
