"""Every architectural, filter and training number of the DMN, once."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
class FilterConfig:
    """Particle filter at run time; names are amcl's where they mean the same.

    Attributes:
        min_particles, max_particles: bounds on the number of particles.
        global_particles: a belief over the whole map starts with so many, for its first image: a few thousand
            particles leave holes in a map of many rooms and all headings.
        update_min_d, update_min_a: an image is weighed after this much motion, metres and radians.
        resample_interval: resample at most at every n-th weighed image.
        resample_threshold: resample when the effective sample size is below this share of the particles.
        recovery_alpha_slow, recovery_alpha_fast: decay of the slow and fast averages of the likelihood; 0 switches
            recovery off. Injection follows Thrun et al., Probabilistic Robotics, table 8.3.
        recovery_max: at most this share of the particles is drawn anew at one update.
        proposal_share: this share of the particles is drawn from another localizer's pose where there is one, and
            weighted so that the belief stays what motion and images make it; 0 switches that off.
        proposal_trust: probability that the other localizer's pose is right; a cluster that it agrees with needs less
            weight for ``localized``. 0: its agreement does not count.
        alpha1, alpha2, alpha3, alpha4: odometry noise: rotation from rotation, rotation from translation, translation
            from translation, translation from rotation (variances per squared radian and metre, as in amcl's
            differential model).
        min_noise_d, min_noise_a: least motion noise per update, metres and radians; keeps copies of one particle apart.
        likelihood_exponent: power of each likelihood. Successive images resemble each other, so that their errors do
            too; below 1 keeps the filter from counting the same evidence in full again and again.
        reference_poses: poses over the whole map that each image is also weighed at; their mean likelihood is the
            unit in which recovery measures how well the image fits the belief, and recovery draws from them.
        max_evaluated_views: of a larger map, so many views at most are compared with an image: those that the
            particles read, and those of as many reference poses as the rest suffices for.
        cell_d, cell_a: size, metres and radians, of the cells by which KLD sampling (Fox 2003) counts what the belief
            covers.
        pf_err, pf_z: largest Kullback-Leibler divergence of the particles from the belief over these cells, and the
            normal quantile of the confidence in it (2.326 is 99 %); they set the number of particles, within its
            bounds. Names are amcl's.
        cluster_d, cluster_a: size of the cluster that `most_likely` is taken from, metres and radians.
        localized_share: share of the weight that this cluster must hold for ``localized``, if nothing else confirms it.
        localized_fit: least logarithm of the likelihood of the last images against that of the map at large for
            ``localized``; a kidnapped robot's particles stay together, but the images speak against them.
        random_seed: same seed, same frames, same beliefs.
    """

    min_particles: int = 500
    max_particles: int = 2000
    global_particles: int = 8000
    update_min_d: float = 0.1
    update_min_a: float = 0.1
    resample_interval: int = 1
    resample_threshold: float = 0.5
    recovery_alpha_slow: float = 0.05
    recovery_alpha_fast: float = 0.5
    recovery_max: float = 0.25
    proposal_share: float = 0.2
    proposal_trust: float = 0.9
    alpha1: float = 0.1
    alpha2: float = 0.05
    alpha3: float = 0.05
    alpha4: float = 0.02
    min_noise_d: float = 0.03
    min_noise_a: float = 0.02
    likelihood_exponent: float = 0.5
    reference_poses: int = 256
    max_evaluated_views: int = 200
    cell_d: float = 0.5
    cell_a: float = 0.3
    pf_err: float = 0.05
    pf_z: float = 2.326
    cluster_d: float = 0.5
    cluster_a: float = 0.5
    localized_share: float = 0.7
    localized_fit: float = -0.5
    random_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.min_particles <= self.max_particles:
            raise ConfigError(f"min_particles {self.min_particles} must be 1..max_particles {self.max_particles}")
        if self.global_particles < self.min_particles:
            raise ConfigError(f"global_particles {self.global_particles} must be at least min_particles")
        if self.resample_interval < 1 or not 0.0 < self.resample_threshold <= 1.0:
            raise ConfigError("resample_interval must be at least 1 and resample_threshold in (0, 1]")
        if not 0.0 <= self.recovery_alpha_slow <= self.recovery_alpha_fast <= 1.0:
            raise ConfigError("recovery needs 0 <= recovery_alpha_slow <= recovery_alpha_fast <= 1")
        for name in (
            "update_min_d",
            "update_min_a",
            "alpha1",
            "alpha2",
            "alpha3",
            "alpha4",
            "min_noise_d",
            "min_noise_a",
        ):
            if not getattr(self, name) >= 0.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative")
        for name in (
            "likelihood_exponent",
            "cell_d",
            "cell_a",
            "pf_err",
            "pf_z",
            "cluster_d",
            "cluster_a",
            "localized_share",
        ):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be positive")
        if not math.isfinite(self.localized_fit):
            raise ConfigError(f"localized_fit is {self.localized_fit}; it must be finite")
        if self.max_evaluated_views < 4:
            raise ConfigError(f"max_evaluated_views is {self.max_evaluated_views}; it must be at least 4")
        if not 0.0 <= self.proposal_share < 1.0:
            raise ConfigError(f"proposal_share is {self.proposal_share}; it must be in 0..1, and less than 1")
        if not 0.0 <= self.proposal_trust <= 1.0:
            raise ConfigError(f"proposal_trust is {self.proposal_trust}; it must be in 0..1")
        if not 0.0 <= self.recovery_max <= 1.0 or self.reference_poses < 1:
            raise ConfigError("recovery_max must be in 0..1 and reference_poses positive")


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
        objective: ``softmax`` is cross-entropy between the particles' weights and a Gaussian around the truth, over
            particles that mostly cover the whole map, whose weights allow for their density; ``pose`` is the paper's
            squared error of the mean pose (its equation 1) over local particles.
        particles: per query.
        local_share: share of the particles around the truth (``softmax``); the rest cover the map.
        target_d, target_a: standard deviations of the soft target, metres and radians.
        tracking_d, tracking_a: initial belief of ``pose``: standard deviations, the paper's 0.3 units and 30 degrees.
        contexts: views in the map of each example; a random number in this range.
        worlds: places per step.
        queries: images to localise per place and step; they share the map's embeddings.
        algorithm: of the optimisation, see `localization_common/training/optimizers.py`; ``muon`` gains little here.
        learning_rate, weight_decay: of ``adamw``; matrices move with ten times as much by ``muon``. The rate warms up
            and then decays as a cosine to the end of the budget.
        gradient_clip: norm.
        mirror, recolour: share of the worlds that are mirrored, and whose colour channels are permuted.
        favour: weight of the first source among all sources when worlds are drawn (the place of deployment).
        evaluate_every: steps between validations (and checkpoints).
        seed: of everything random.
    """

    objective: Literal["softmax", "pose"] = "softmax"
    particles: int = 128
    local_share: float = 0.35
    target_d: float = 0.3
    target_a: float = 0.2
    tracking_d: float = 1.5
    tracking_a: float = 0.5236
    contexts: tuple[int, int] = (12, 32)
    worlds: int = 3
    queries: int = 8
    algorithm: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    mirror: float = 0.2
    recolour: float = 0.1
    favour: float = 0.7
    evaluate_every: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        if self.objective not in ("softmax", "pose"):
            raise ConfigError(f"objective must be 'softmax' or 'pose', not {self.objective!r}")
        if not 2 <= self.contexts[0] <= self.contexts[1]:
            raise ConfigError(f"contexts {self.contexts} must be an increasing pair of at least 2")
        if min(self.particles, self.worlds, self.queries) < 1 or self.learning_rate <= 0:
            raise ConfigError("particles, worlds, queries and learning_rate must be positive")
