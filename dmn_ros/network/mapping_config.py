"""Which map, which algorithm and which sizes: everything that makes one row of the DMN paper's tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dmn_ros.config import NetworkConfig
from localization_common.errors import ConfigError


@dataclass(frozen=True)
class MappingConfig:
    """A network that maps and localizes.

    Attributes:
        network: sizes; its ``observation`` says how ``view_embedding`` maps are read.
        map: what views become.
        algorithm: weigh particles, or regress the pose relative to the mean of the belief.
        coordinates: of views, in the particle's frame or in the map's; latent maps know the map's only. ``both``
            (``projection``) is views in the particle's frame, and the particle in the map's.
        reading: of a ``view_embedding`` map, attention (section 3) or the mean over views.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig.paper)
    map: Literal["view_embedding", "latent_image", "latent_vector"] = "view_embedding"
    algorithm: Literal["filter", "regression"] = "filter"
    coordinates: Literal["egocentric", "global", "both"] = "egocentric"
    reading: Literal["attention", "mean"] = "attention"

    def __post_init__(self) -> None:
        if self.map != "view_embedding" and self.coordinates != "global":
            raise ConfigError(f"a {self.map} map has no egocentric coordinates; set coordinates to 'global'")
        form = self.network.observation
        if self.coordinates == "both" and form != "projection":
            raise ConfigError(f"coordinates can be 'both' with 'projection' only, not with {form!r}")
        plain = (self.map, self.algorithm, self.reading) == ("view_embedding", "filter", "attention")
        if form != "attention" and not (plain and self.coordinates != "global"):
            asked = (self.map, self.algorithm, self.coordinates, self.reading)
            raise ConfigError(f"{form!r} is a filter on egocentric view embeddings, not {asked}")
