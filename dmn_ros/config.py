"""Sizes of the networks of the DMN paper's tables, and the choices that make one row of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from localization_common.errors import ConfigError
from localization_common.files.configuration import MAX_PIXELS, require_at_most


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        image_width, image_height: network input in pixels.
        block_widths: channels of each convolution block of the embedding.
        block_strides: (vertical, horizontal) stride of each block. A robot on a floor turns and moves in the plane, so
            the picture shifts sideways much more than up and down: the light form keeps columns and merges rows.
        feature_channels: channels of a view embedding.
        observation: ``attention`` is the paper's plain form (section 3, figures 3 and 4). ``matching`` adds what made
            it train on a CPU: features of each (query, view) pair from a correlation volume, Fourier features of the
            relative coordinates that gate them, and only the nearest views of each particle. ``projection`` compares
            the query with what a view saw where a particle's pose would put it, by a depth that the embedding tells.
        hidden_channels: of the convolutions behind the embedding.
        key_size: length of the view and query keys; of each part of a descriptor (``projection``).
        value_size: length of what attention reads from one view (``matching``), and of the dense layer; of the
            summary of the query (``projection``).
        pair_size: length of the features of one (query, view) pair (``matching``).
        gate_size: hidden units of the gate over relative coordinates (``matching``).
        frequencies: of the Fourier features, radians per map unit; the plain form has none.
        nearest_views: views that each particle attends to; the plain form attends to all.
        view_reach: metres ahead of a view where it is taken to look, for finding the nearest views.
        metres_per_unit: scale of the map coordinates in which the network was trained.
        descriptor_parts: parts of a cell's descriptor that are compared each by itself (``projection``).
        view_angle: degrees that the images are wide, from which learning starts; 360 are panoramas (``projection``).
        compass: waves to a turn, at most, by which all views together tell a heading (``projection``); 0: they do not.
        likeness: whether each view is told how alike it and the query are as a whole (``projection``).
    """

    image_width: int = 64
    image_height: int = 48
    block_widths: tuple[int, ...] = (32, 64, 64, 96, 96)
    block_strides: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (1, 1), (2, 1), (2, 1))
    feature_channels: int = 64
    observation: Literal["attention", "matching", "projection"] = "matching"
    hidden_channels: int = 64
    key_size: int = 32
    value_size: int = 64
    pair_size: int = 128
    gate_size: int = 96
    frequencies: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0)
    nearest_views: int = 8
    view_reach: float = 1.5
    metres_per_unit: float = 5.0
    descriptor_parts: int = 2
    view_angle: float = 60.0
    compass: int = 0
    likeness: bool = False

    def __post_init__(self) -> None:
        require_at_most(
            self, image_width=4096, image_height=4096, count_block_widths=32, block_widths=1 << 16,
            feature_channels=1 << 16, hidden_channels=1 << 16, key_size=1 << 16, value_size=1 << 16, pair_size=1 << 16,
            gate_size=1 << 16, count_frequencies=256, nearest_views=100_000, descriptor_parts=1024, compass=1024,
        )  # fmt: skip
        if self.image_width * self.image_height > MAX_PIXELS:
            raise ConfigError(f"{self.image_width}x{self.image_height} images have more than {MAX_PIXELS} pixels")
        if min(self.image_width, self.image_height) < 1 or any(s < 1 for pair in self.block_strides for s in pair):
            raise ConfigError(
                f"images {self.image_width}x{self.image_height} and strides {self.block_strides} must be positive"
            )
        sizes = (*self.block_widths, self.feature_channels, self.hidden_channels, self.key_size, self.value_size,
                 self.pair_size, self.gate_size)  # fmt: skip
        if min(sizes) < 1:
            raise ConfigError(f"{sizes}: channels and sizes must be positive")
        if len(self.block_widths) != len(self.block_strides):
            raise ConfigError(f"{len(self.block_widths)} block_widths but {len(self.block_strides)} block_strides")
        if min(self.grid) < 2:
            raise ConfigError(
                f"block_strides leave a {self.grid} feature grid of a {self.image_height}x{self.image_width} image; "
                "at least 2x2 is needed"
            )
        if self.observation not in ("attention", "matching", "projection"):
            raise ConfigError(f"observation must be 'attention', 'matching' or 'projection', not {self.observation!r}")
        if self.metres_per_unit <= 0 or self.view_reach <= 0 or self.nearest_views < 1:
            raise ConfigError("metres_per_unit, view_reach and nearest_views must be positive")
        if not (0.0 < self.view_angle < 180.0 or self.view_angle == 360.0) or self.descriptor_parts < 1:
            raise ConfigError("view_angle must be in 0..180 degrees, or 360, and descriptor_parts positive")
        if self.compass < 0 or (self.compass and self.observation != "projection"):
            raise ConfigError(f"compass is {self.compass}; it must not be negative, and 0 without 'projection'")
        if self.likeness and self.observation != "projection":
            raise ConfigError(f"likeness is of 'projection', not of {self.observation!r}")

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of a view embedding."""
        rows, columns = self.image_height, self.image_width
        for vertical, horizontal in self.block_strides:
            rows, columns = -(-rows // vertical), -(-columns // horizontal)
        return rows, columns

    @property
    def half_grid(self) -> tuple[int, int]:
        """(rows, columns) behind a convolution of stride 2 over a view embedding."""
        return -(-self.grid[0] // 2), -(-self.grid[1] // 2)

    @classmethod
    def paper(cls) -> NetworkConfig:
        """The plain form on the paper's 32x32 images; layer sizes are not published, these are ours."""
        return cls(
            image_width=32,
            image_height=32,
            block_widths=(32, 64, 64),
            block_strides=((2, 2), (2, 2), (1, 1)),
            feature_channels=32,
            observation="attention",
            key_size=64,
            value_size=128,
        )

    @classmethod
    def light(cls) -> NetworkConfig:
        """The shipped form: 64x48 keeps a robot camera's 4:3 picture whole, at 1.4 degrees a pixel for 90 degrees."""
        return cls(observation="projection", value_size=96, hidden_channels=128, view_angle=90.0)

    @classmethod
    def matching(cls) -> NetworkConfig:
        """The form that was shipped before: geometry is learned from examples."""
        return cls()


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
