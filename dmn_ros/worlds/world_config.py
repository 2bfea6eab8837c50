"""Numbers of training and evaluation on many small worlds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from localization_common.errors import ConfigError
from localization_common.training.optimizers import Algorithm


@dataclass(frozen=True)
class BeliefConfig:
    """Initial belief of tracking: a Gaussian, whose mean is off the truth by as much as the belief says.

    Attributes:
        tracking_d: standard deviation of x and of y, map units (appendix C.3).
        tracking_a: of the yaw, radians.
    """

    tracking_d: float = 0.3
    tracking_a: float = math.radians(30.0)

    def __post_init__(self) -> None:
        if min(self.tracking_d, self.tracking_a) <= 0:
            raise ConfigError("tracking_d and tracking_a must be positive")


@dataclass(frozen=True)
class WorldTrainingConfig:
    """How a network is trained on worlds.

    Attributes:
        objective: ``tracking`` is the paper's: squared error of the weighted mean of particles of a local belief;
            ``softmax`` is cross-entropy between the particles' weights and a Gaussian around the truth, over particles
            of which some lie around the truth and most anywhere. Weights allow for their density: it is the posterior
            of a uniform belief that is learned. A regression has no weights: its error is squared in both, but
            with ``softmax`` most of its beliefs cover the whole environment.
        belief: of ``tracking``.
        particles: of each trajectory; the paper has 32.
        local_share: share of the particles around the truth (``softmax``), at mixed distances.
        target_d, target_a: standard deviations of the soft target, map units and radians.
        heading_weight: of the cross-entropy with which a compass tells a heading from those that are quarters of a turn
            off, beside the objective.
        heading_after: share of the steps after which a compass begins to learn, and to count: it compares what the rest
            has learned to see, and of what tells nothing yet it learns to say nothing for good.
        contexts: views that a map is made of.
        length: images of a trajectory; the paper trains with 1.
        resample_alpha: trade-off of soft resampling between images; see `soft_resample`.
        worlds: in one step.
        trajectories: asked of each world in one step; they share its map.
        steps: of training; the learning rate falls as a cosine to their end.
        algorithm: of the optimisation, see `localization_common/training/optimizers.py`; ``muon`` gains little here.
        learning_rate, weight_decay: of ``adamw``, matrices move with ten times as much by ``muon``; the paper decays
            weights (1e-4) on street views only.
        gradient_clip: norm.
        mirror, recolour: share of worlds that are mirrored, and whose colour channels are permuted.
        quarter_turns: whether worlds are turned by quarters; only what knows the map's frame learns more from that.
        relight: whether gamma of a world, and exposure and noise of each image are varied.
        evaluate_every: steps between validations.
        patience: stop after so many validations without progress; the paper's 100k iterations are 5 of its.
        seed: of weights and batches.
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
        """The paper's objective (section 4, appendix C.4); its batch size and learning rate are not published."""
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
    """How a network is judged on worlds (section 4, "Evaluation").

    Attributes:
        contexts: views that a map is made of.
        length: images of a trajectory; the first alone is the one-step setting.
        trajectories: of each world.
        global_particles, tracking_particles: K of the two settings.
        belief: of tracking.
        likelihood_exponent: power of all likelihoods together after one image, after two and so on; the last is that of
            all further ones, too. 1 is the paper's filter.
        seed: of views, beliefs and particles.
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
