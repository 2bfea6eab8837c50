"""Configuration of training and evaluation on many small worlds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from localization_common.errors import ConfigError
from localization_common.training.optimizers import Algorithm


@dataclass(frozen=True)
class BeliefConfig:
    """Initial belief of tracking: a Gaussian, whose mean is drawn around the truth with the same deviations.

    Attributes:
        tracking_d: standard deviation of x and of y, map units (appendix C.3).
        tracking_a: standard deviation of the yaw, radians.
    """

    tracking_d: float = 0.3
    tracking_a: float = math.radians(30.0)

    def __post_init__(self) -> None:
        if min(self.tracking_d, self.tracking_a) <= 0:
            raise ConfigError("tracking_d and tracking_a must be positive")


@dataclass(frozen=True)
class WorldTrainingConfig:
    """Configuration of a training on worlds.

    Attributes:
        objective: ``tracking`` is the paper's: squared error of the weighted mean of particles of a local belief;
            ``softmax`` is cross-entropy between the particles' weights and a Gaussian around the truth, over particles
            some of which are around the truth and most anywhere. Weights correct for their density, so that the network
            learns the posterior of a uniform belief. A regression has no weights: both train it with a squared error,
            but with ``softmax`` most of its beliefs cover the whole environment.
        belief: initial belief of ``tracking``.
        particles: number of particles of a trajectory; the paper has 32.
        local_share: share of the particles around the truth (``softmax``), at different distances.
        target_d, target_a: standard deviations of the soft target, map units and radians.
        heading_weight: weight, beside the objective, of the cross-entropy between the heading and those that are
            quarters of a turn off (compass).
        heading_after: share of the steps after which a compass is trained and used. It compares features of the
            embeddings; trained from the start, before these are useful, it stays without effect.
        contexts: number of views of a map.
        length: number of images of a trajectory; the paper trains with 1.
        resample_alpha: trade-off of soft resampling between images; see `soft_resample`.
        worlds: number of worlds in a step.
        trajectories: number of trajectories in each world of a step; they share its map.
        steps: number of steps; the learning rate falls as a cosine to their end.
        algorithm: optimiser, see `localization_common/training/optimizers.py`; ``muon`` gains little here.
        learning_rate, weight_decay: values for ``adamw``; ``muon`` moves matrices with ten times the learning rate. The
            paper decays weights (1e-4) on street views only.
        gradient_clip: largest norm of the gradient.
        mirror, recolour: share of worlds that are mirrored, and whose colour channels are permuted.
        quarter_turns: True turns worlds by quarters; only systems with coordinates in the map frame gain from it.
        relight: True varies the gamma of a world, and exposure and noise of each image.
        evaluate_every: steps between validations.
        patience: number of validations without progress after which training stops; 5 with the paper's 100k iterations.
        seed: seed of weights and batches.
    """

    objective: Literal["tracking", "softmax"] = "softmax"
    belief: BeliefConfig = BeliefConfig()
    particles: int = 128
    local_share: float = 0.25
    target_d: float = 0.06
    target_a: float = 0.1
    heading_weight: float = 3.0
    heading_after: float = 0.3
    contexts: int = 4
    length: int = 1
    resample_alpha: float = 0.5
    worlds: int = 16
    trajectories: int = 4
    steps: int = 20_000
    algorithm: Algorithm = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    mirror: float = 0.5
    recolour: float = 0.5
    quarter_turns: bool = True
    relight: bool = True
    evaluate_every: int = 500
    patience: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("particles", "contexts", "length", "worlds", "trajectories", "steps", "evaluate_every", "patience")
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("local_share", "heading_after", "resample_alpha", "mirror", "recolour"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be in 0..1")
        if min(self.target_d, self.target_a, self.learning_rate) <= 0:
            raise ConfigError("target_d, target_a and learning_rate must be positive")
        if min(self.heading_weight, self.weight_decay, self.seed) < 0:
            raise ConfigError("heading_weight, weight_decay and seed must not be negative")

    @classmethod
    def paper(cls) -> WorldTrainingConfig:
        """Return the paper's objective (section 4, appendix C.4), with batch size and learning rate of ours."""
        return cls(
            objective="tracking",
            particles=32,
            worlds=64,
            trajectories=1,
            learning_rate=1e-3,
            weight_decay=0.0,
            mirror=0.0,
            recolour=0.0,
            quarter_turns=False,
            relight=False,
            patience=5,
        )


@dataclass(frozen=True)
class WorldEvaluationConfig:
    """Configuration of an evaluation on worlds (section 4, "Evaluation").

    Attributes:
        contexts: number of views of a map.
        length: number of images of a trajectory; the first alone is the one-step setting.
        trajectories: number of trajectories in each world.
        global_particles, tracking_particles: number of particles of the two settings.
        belief: initial belief of tracking.
        likelihood_exponent: power of the product of all likelihoods after one image, after two and so on; the last
            power is used for all further images. 1 is the paper's filter.
        seed: seed of views, beliefs and particles.
    """

    contexts: int = 4
    length: int = 5
    trajectories: int = 1
    global_particles: int = 2048
    tracking_particles: int = 256
    belief: BeliefConfig = BeliefConfig()
    likelihood_exponent: tuple[float, ...] = (1.0,)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("contexts", "length", "trajectories", "global_particles", "tracking_particles"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.likelihood_exponent or min(self.likelihood_exponent) <= 0:
            raise ConfigError(f"likelihood_exponent is {self.likelihood_exponent}; it must be positive")
        if self.seed < 0:
            raise ConfigError("seed must not be negative")
