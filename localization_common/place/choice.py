"""Files of a command or a node: those that a user names, else the parts of a place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files import tensor_files
from localization_common.files.shipped_files import shipped
from localization_common.place.parts import PartName
from localization_common.place.place import Place

#: Network of dmn for places without one of their own.
GENERAL_DMN = "models/dmn_home.safetensors"
#: Earlier ones, by the fingerprints of the context maps that were made with them.
EARLIER_DMN = {"fd451cc0c153028b": "models/dmn_apartment.safetensors"}


def open_if_given(place: Path | None) -> Place | None:
    """Place at a path that a user may give.

    Raises:
        MapError: the place cannot be read.
    """
    return None if place is None else Place.open(place)


def named_or_part(named: Path | None, place: Place | None, part: PartName, option: str) -> Path:
    """Path of a file: the one that a user names, else the place's part.

    Args:
        named: path that the user names.
        place: the place, if one is given.
        part: part of the place.
        option: option that names the file, for messages.

    Raises:
        ConfigError: there is neither.
        MapError: the place has no such part.
    """
    if named is not None:
        return named
    if place is None:
        raise ConfigError(f"{option}: name a file, or a place that has it (--place PLACE)")
    return place.file(part)


def named_or_part_if_any(named: Path | None, place: Place | None, part: PartName) -> Path | None:
    """Path of a file that is not required: the one that a user names, else the place's part, else None."""
    return place.file(part) if named is None and place is not None and place.has(part) else named


def dmn_checkpoint(named: Path | None, place: Place | None) -> Path:
    """Checkpoint of dmn: the one that a user names, else that of the place, else the general one of this package.

    A place whose context map was made with an earlier general network keeps this one.

    Raises:
        ConfigError: the package lacks its file.
    """
    chosen = named_or_part_if_any(named, place, "dmn")
    if chosen is not None:
        return chosen
    made_with = ""
    if place is not None and place.has("context_map"):
        with contextlib.suppress(CheckpointError):  # a damaged map is reported where it is opened
            header = tensor_files.load_header(place.file("context_map"), kind="context_map")
            made_with = str(header.get("fingerprint"))
    return shipped(EARLIER_DMN.get(made_with, GENERAL_DMN))


def output_path(named: Path | None, place: Place | None, part: PartName) -> Path:
    """Path at which to write a file: the one that a user names, else that of the place's part.

    Raises:
        ConfigError: there is neither.
    """
    if named is not None:
        return named
    if place is None:
        raise ConfigError("output: name the file to write, or a place (--place PLACE)")
    return place.location(part)


@contextlib.contextmanager
def writing(named: Path | None, place: Place | None, part: PartName) -> Iterator[Path]:
    """Path of `output_path`; if it is in the place, the place is held while it is written (see `Place.adding`).

    Raises:
        ConfigError: there is neither.
        MapError: the place has another map frame than when it was opened.
    """
    if named is not None or place is None:
        yield output_path(named, place, part)
        return
    with place.adding(part) as file:
        yield file
