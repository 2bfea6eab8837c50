"""The rows of tables 1 and 2 of the DMN paper that are trained, and its ablations, as configurations of shared parts.

Each is trained by ``dmn_train_worlds --system NAME``. Parameter counts are about equal (appendix C.2).
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

#: Halve images until their shorter side has so many cells.
_CELLS = 8
#: The embedding has at least so many blocks.
_BLOCKS = 3


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        description: what sets it apart, in a line.
        mapping: fields of `MappingConfig`.
        sizes: of `NetworkConfig`, which bring it to about as many parameters as the others have.
    """

    description: str
    mapping: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, Any] = field(default_factory=dict)

    def structure(self, width: int = 32, height: int = 32, *, panoramic: bool = False) -> MappingConfig:
        """Its configuration for images of this size, pixels; panoramic ones show all directions.

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

SYSTEMS: dict[SystemName, System] = {
    "view_embedding": System("the DMN: view embeddings, egocentric attention, particle filter"),
    "view_embedding_regression": System("the DMN's map and attention, pose regressed", _REGRESSION),
    "latent_image": System("mean of features of [view ; pose], particle filter", _IMAGE, _WIDER),
    "latent_image_regression": System("the same map, pose regressed", _IMAGE | _REGRESSION, _WIDER),
    "latent_vector": System("mean of vectors of [view ; pose], particle filter", _VECTOR),
    "latent_vector_regression": System("the same map, pose regressed", _VECTOR | _REGRESSION),
    "global_coordinates": System("the DMN, its attention given both poses in the map", {"coordinates": "global"}),
    "mean_over_views": System("the DMN, every view counted the same", {"reading": "mean"}, _WIDER),
    # Not in the paper; robots' shipped checkpoint is of the second form. Scale and reach are in map units here.
    "matching": System(
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
    "projection": System("the DMN with views compared where a pose puts them in the query", sizes=_PROJECTION),
    "projection_placed": System("the same, told a particle's place in the map", {"coordinates": "both"}, _PROJECTION),
    "projection_compass": System(
        "the same, and headings told by all views together",
        {"coordinates": "both"},
        _PROJECTION | _COMPASS,
    ),
    "projection_likeness": System(
        "the same, and told how alike query and view are as a whole",
        {"coordinates": "both"},
        _PROJECTION | _COMPASS | {"likeness": True},
    ),
}


def build_network(config: MappingConfig) -> DMN:
    """Network of a configuration with random weights, as torch's seed gives them."""
    return DMN(config.network, build_observation(config))


def parameter_count(config: MappingConfig) -> int:
    """Learnable numbers of a configuration."""
    return sum(p.numel() for p in build_network(config).parameters())
