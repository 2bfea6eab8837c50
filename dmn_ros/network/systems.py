"""Systems of tables 1 and 2 of the DMN paper and of its ablations, as configurations of shared parts.

``dmn_train_worlds --system NAME`` trains a system. Their numbers of parameters are about equal (appendix C.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dmn_ros.config import MappingConfig, NetworkConfig
from dmn_ros.network.dmn import DMN, build_observation

SystemName = Literal[
    "view_embedding",
    "view_embedding_regression",
    "latent_image",
    "latent_image_regression",
    "latent_vector",
    "latent_vector_regression",
    "global_coordinates",
    "mean_over_views",
    "matching",
    "projection",
    "projection_placed",
    "projection_compass",
    "projection_likeness",
]

#: Largest number of cells along the shorter side; images are halved until it is reached.
_CELLS = 8
#: Least number of blocks of the embedding.
_BLOCKS = 3


@dataclass(frozen=True)
class MappingSystem:
    """System of the tables: one row.

    Attributes:
        description: difference from the other systems, in a line.
        mapping: fields of `MappingConfig`.
        sizes: fields of `NetworkConfig`, chosen so that all systems have about equally many parameters.
    """

    description: str
    mapping: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, Any] = field(default_factory=dict)

    def structure(self, width: int = 32, height: int = 32, *, panoramic: bool = False) -> MappingConfig:
        """Configure the system for images of this size, pixels; panoramic ones show all directions.

        Raises:
            ConfigError: the images are too small.
        """
        halvings, rows = 0, min(width, height)
        while rows > _CELLS:
            halvings, rows = halvings + 1, -(-rows // 2)
        blocks = max(_BLOCKS, halvings)
        network = replace(
            NetworkConfig.paper(),
            image_width=width,
            image_height=height,
            block_widths=(32, *(64,) * (blocks - 1)),
            block_strides=(*((2, 2),) * halvings, *((1, 1),) * (blocks - halvings)),
            metres_per_unit=1.0,
            view_angle=360.0 if panoramic else NetworkConfig.view_angle,
            **self.sizes,
        )
        return MappingConfig(network=network, **self.mapping)


_IMAGE = {"map": "latent_image", "coordinates": "global"}
_VECTOR = {"map": "latent_vector", "coordinates": "global"}
_REGRESSION = {"algorithm": "regression"}
_WIDER = {"value_size": 160}
_PROJECTION = {
    "observation": "projection",
    "feature_channels": 64,
    "key_size": 32,
    "value_size": 96,
    "hidden_channels": 128,
}
_COMPASS = {"value_size": 64, "compass": 4}

SYSTEMS: dict[SystemName, MappingSystem] = {
    "view_embedding": MappingSystem("the DMN: view embeddings, egocentric attention, particle filter"),
    "view_embedding_regression": MappingSystem("the DMN's map and attention, pose regressed", _REGRESSION),
    "latent_image": MappingSystem("mean of features of [view ; pose], particle filter", _IMAGE, _WIDER),
    "latent_image_regression": MappingSystem("the same map, pose regressed", _IMAGE | _REGRESSION, _WIDER),
    "latent_vector": MappingSystem("mean of vectors of [view ; pose], particle filter", _VECTOR),
    "latent_vector_regression": MappingSystem("the same map, pose regressed", _VECTOR | _REGRESSION),
    "global_coordinates": MappingSystem(
        "the DMN, its attention given both poses in the map", {"coordinates": "global"}
    ),
    "mean_over_views": MappingSystem("the DMN, all views with the same weight", {"reading": "mean"}, _WIDER),
    # The following are not in the paper. Robots use `projection`. Scale and reach are in map units here.
    "matching": MappingSystem(
        "the DMN with correlation of query and views, and gates by coordinates",
        sizes={
            "observation": "matching",
            "pair_size": 64,
            "key_size": 32,
            "value_size": 64,
            "hidden_channels": 48,
            "view_reach": 0.3,
        },
    ),
    "projection": MappingSystem("the DMN with views projected into the query at a particle's pose", sizes=_PROJECTION),
    "projection_placed": MappingSystem(
        "the same, with the particle's pose in the map frame", {"coordinates": "both"}, _PROJECTION
    ),
    "projection_compass": MappingSystem(
        "the same, with a compass: headings from all views together",
        {"coordinates": "both"},
        _PROJECTION | _COMPASS,
    ),
    "projection_likeness": MappingSystem(
        "the same, with the similarity of query and view as whole images",
        {"coordinates": "both"},
        _PROJECTION | _COMPASS | {"likeness": True},
    ),
}


def build_network(config: MappingConfig) -> DMN:
    """Build the network of a configuration with random weights from torch's seed."""
    return DMN(config.network, build_observation(config))


def parameter_count(config: MappingConfig) -> int:
    """Number of learnable parameters of a configuration."""
    return sum(p.numel() for p in build_network(config).parameters())
