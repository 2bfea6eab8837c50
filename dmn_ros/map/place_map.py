"""Context map of a place, with the network that it was made with."""

from __future__ import annotations

import shutil
from pathlib import Path

from dmn_ros.map.context_map import ContextMap
from localization_common.errors import MapError
from localization_common.place import Place, PlaceWriter


def install(place: Place, context_map: ContextMap, *, network: Path | None) -> Place:
    """Write a context map into a place, with its network, in one step: a map fits one network only.

    Args:
        place: the place; its other parts stay.
        context_map: map of the place.
        network: checkpoint that the map was made with; None if the place's own, or the general one, made it.

    Raises:
        MapError: the place was built anew meanwhile, or another process builds it; or a file cannot be written.
    """
    with PlaceWriter(place.path, extends=place) as writer:
        context_map.save(writer.file("context_map"))
        if network is not None:
            try:
                shutil.copyfile(network, writer.file("dmn"))
            except OSError as error:
                raise MapError(f"{network}: cannot be copied to {place.path} ({error})") from error
        return writer.update()
