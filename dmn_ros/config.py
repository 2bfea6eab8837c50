"""Sizes and forms of the networks: of the shipped one, and of the rows of the DMN paper's tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from localization_common.errors import ConfigError
from localization_common.files.configuration import MAX_PIXELS, require_at_most
from localization_common.photometry.normalization import Normalization


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a network.

    Attributes:
        image_width, image_height: network input in pixels.
        normalization: front end: ``none``; ``picture`` or ``local`` remove exposure, white balance and contrast of each
            image (`localization_common.photometry.normalization`).
        block_widths: channels of each convolution block of the embedding.
        block_strides: (vertical, horizontal) stride of each block. A robot on a floor moves and turns in the plane, so
            that its image shifts sideways far more than up and down: the light form keeps columns and merges rows.
        feature_channels: channels of a view embedding.
        observation: observation model. ``attention`` is the paper's plain form (section 3, figures 3 and 4).
            ``matching`` trains on a CPU: it adds features of each (query, view) pair from a correlation volume, Fourier
            features of the relative coordinates that gate them, and reads only the nearest views of each particle.
            ``projection`` projects the cells of a view into the query at a particle's pose and compares descriptors
            there; the network predicts the depth of each cell.
        hidden_channels: channels of the convolutions behind the embedding.
        key_size: length of the view and query keys; length of each part of a descriptor (``projection``).
        value_size: length of the dense layer, and of the value of one view (``matching``); length of the summary of
            the query (``projection``).
        pair_size: length of the features of one (query, view) pair (``matching``).
        gate_size: hidden units of the gate over relative coordinates (``matching``).
        frequencies: frequencies of the Fourier features, radians per map unit; the plain form has none.
        nearest_views: views that each particle attends to; the plain form attends to all.
        view_reach: distance of the point that a view looks at, metres ahead of it; used to find the nearest views.
        metres_per_unit: scale of the map coordinates in which the network was trained.
        descriptor_parts: number of parts of a cell's descriptor; each part is compared separately (``projection``).
        view_angle: horizontal field of view, degrees, with which training starts; 360 is a panorama (``projection``).
        compass: order of the Fourier series by which all views together rate a heading (``projection``); 0 is off.
        likeness: True adds the similarity of query and view as whole images to their features (``projection``).
        partial_views: True if the training showed images of narrow and tilted cameras, which fill a part of the view
            (`TrainingConfig.narrow`): then the network accepts such cameras.
    """

    image_width: int = 64
    image_height: int = 48
    normalization: Normalization = "none"
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
    partial_views: bool = False

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
        if self.normalization not in get_args(Normalization):
            raise ConfigError(f"normalization must be one of {get_args(Normalization)}, not {self.normalization!r}")
        if self.observation not in ("attention", "matching", "projection"):
            raise ConfigError(f"observation must be 'attention', 'matching' or 'projection', not {self.observation!r}")
        if self.metres_per_unit <= 0 or self.view_reach <= 0 or self.nearest_views < 1:
            raise ConfigError("metres_per_unit, view_reach and nearest_views must be positive")
        if not (0.0 < self.view_angle < 180.0 or self.view_angle == 360.0) or self.descriptor_parts < 1:
            raise ConfigError("view_angle must be in 0..180 degrees, or 360, and descriptor_parts positive")
        if self.compass < 0 or (self.compass and self.observation != "projection"):
            raise ConfigError(f"compass is {self.compass}; it must not be negative, and 0 without 'projection'")
        if self.likeness and self.observation != "projection":
            raise ConfigError(f"likeness needs observation 'projection', not {self.observation!r}")

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
        """Return the plain form on the paper's 32x32 images; the paper does not publish layer sizes, these are ours."""
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
        """Return the shipped form: 64x48 keeps a whole 4:3 image, at 1.4 degrees a pixel for 90 degrees."""
        return cls(observation="projection", value_size=96, hidden_channels=128, view_angle=90.0)

    @classmethod
    def matching(cls) -> NetworkConfig:
        """Return the form that was shipped before: it learns geometry from examples."""
        return cls()


@dataclass(frozen=True)
class MappingConfig:
    """Configuration of a network that maps and localizes: one row of the DMN paper's tables.

    Attributes:
        network: sizes; its ``observation`` is the observation model for ``view_embedding`` maps.
        map: representation of the map: one embedding for each view, or one latent image or vector for all views.
        algorithm: ``filter`` weighs particles, ``regression`` regresses the pose relative to the mean of the belief.
        coordinates: frame of the views' coordinates: the particle's frame or the map frame; latent maps have only the
            map frame. ``both`` (``projection``) is views in the particle's frame, and the particle in the map frame.
        reading: way to read a ``view_embedding`` map: attention (section 3), or the mean over views.
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
            found = (self.map, self.algorithm, self.coordinates, self.reading)
            raise ConfigError(f"{form!r} is a filter on egocentric view embeddings, not {found}")
