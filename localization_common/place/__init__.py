"""Place directory: poses, maps, networks and occupancy grid of one place, in one map frame."""

from localization_common.place.description import DriveDescription, MapScale, PlaceDescription
from localization_common.place.place import Place
from localization_common.place.writer import PlaceWriter

__all__ = ["DriveDescription", "MapScale", "Place", "PlaceDescription", "PlaceWriter"]
