"""Configuration of a training on drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class TrainingConfig:
    """Configuration of a training on drives.

    Attributes:
        objective: ``softmax`` is cross-entropy between the particles' weights and a Gaussian around the truth, over
            particles most of which cover the whole map, with weights that correct for their density; ``pose`` is the
            paper's squared error of the mean pose (its equation 1) over local particles.
        particles: number of particles of a query.
        local_share: share of the particles around the truth (``softmax``); the others cover the map.
        target_d, target_a: standard deviations of the soft target, metres and radians.
        tracking_d, tracking_a: initial belief of ``pose``: standard deviations, the paper's 0.3 units and 30 degrees.
        contexts: range of the number of views in the map of an example; the number is random.
        worlds: number of places in a step.
        queries: number of images to localise in a place and step; they share the map's embeddings.
        algorithm: optimiser, see `localization_common/training/optimizers.py`; ``muon`` gains little here.
        learning_rate, weight_decay: values for ``adamw``; ``muon`` moves matrices with ten times the learning rate. The
            rate warms up and then decays as a cosine to the end of the budget.
        gradient_clip: largest norm of the gradient.
        mirror, recolour: share of the worlds that are mirrored, and whose colour channels are permuted.
        relight: share of images in other light, through another camera; the views of a map have one light, each query
            has its own (`localization_common.photometry.relighting`).
        narrow: share of the maps, and of the queries, as a narrow or tilted camera shows them: a part of the view.
            Networks of such trainings accept such cameras (`NetworkConfig.partial_views`).
        favour: share of the worlds that are drawn from the first place, the place of deployment.
        evaluate_every: steps between validations (and checkpoints).
        seed: seed of all random numbers.
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
    relight: float = 0.0
    narrow: float = 0.0
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
