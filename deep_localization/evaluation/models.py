"""Files of the networks and maps that an evaluation runs, and the nodes and topics that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localization_common.errors import ConfigError
from localization_common.place import Place
from localization_common.place.choice import dmn_checkpoint, named_or_part_if_any

VLOCNET_TOPICS = {
    "vlocnet/pose": "pose",
    "vlocnet/odometry": "odometry",
    "segmentation/mask": "image",
    "vlocnet/processed": "header",
}
DMN_TOPICS = {"dmn/pose": "pose", "dmn/belief": "grid", "dmn/processed": "header"}


@dataclass(frozen=True)
class Models:
    """Files of the networks and maps; the particle filter needs a checkpoint and a map.

    Attributes:
        vlocnet: checkpoint of vlocnet, or None.
        dmn: checkpoint of dmn, or None.
        map: context map of the dmn checkpoint.
        keyframe_map: keyframe map for the refinement of vlocnet's poses, or None. Without a checkpoint of vlocnet, its
            poses are those of the keyframe map, and its motions those of the wheels.
        place: place that files in its directory belong to: nodes get the place instead of these files; or None.
    """

    vlocnet: Path | None = None
    dmn: Path | None = None
    map: Path | None = None
    keyframe_map: Path | None = None
    place: Path | None = None

    def __post_init__(self) -> None:
        if self.vlocnet is None and self.dmn is None and self.keyframe_map is None:
            raise ConfigError(
                "neither a checkpoint nor a keyframe map is given: name a checkpoint for vlocnet or for dmn (with its "
                "map), a keyframe map, or a place"
            )
        if (self.dmn is None) != (self.map is None):
            raise ConfigError("dmn's checkpoint and its map belong together: give both or neither")

    @property
    def without_network(self) -> bool:
        """True if vlocnet runs with the keyframe map alone: then it needs wheel odometry, and publishes none."""
        return self.vlocnet is None and self.keyframe_map is not None

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes for these files."""
        used = (("vlocnet", self.vlocnet or self.keyframe_map), ("dmn", self.dmn))
        return [name for name, file in used if file is not None]

    @property
    def topics(self) -> dict[str, str]:
        """Topics of the nodes: topic -> kind."""
        topics = {"vlocnet": VLOCNET_TOPICS, "dmn": DMN_TOPICS}
        return {topic: kind for node in self.nodes for topic, kind in topics[node].items()}


def models_of(
    place: Path | None, vlocnet: Path | None, dmn: Path | None, context_map: Path | None, keyframe_map: Path | None
) -> Models:
    """Files of the networks: those that a user names, else those that the place has.

    Raises:
        ConfigError: neither a checkpoint nor a map is named or in the place.
        MapError: the place cannot be read.
    """
    if place is None:
        return Models(vlocnet, dmn, context_map, keyframe_map)
    opened = Place.open(place)
    vlocnet = named_or_part_if_any(vlocnet, opened, "vlocnet")
    context_map = named_or_part_if_any(context_map, opened, "context_map")
    keyframe_map = named_or_part_if_any(keyframe_map, opened, "keyframes")
    chosen = dmn_checkpoint(dmn, opened) if context_map is not None else dmn
    return Models(vlocnet, chosen, context_map, keyframe_map, opened.path)
