"""Numbers of the refinement."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class RefinementConfig:
    """How far a prior is trusted, and what a refined pose must show.

    Attributes:
        gate: standard deviations of the prior within which points are looked for.
        least_metres, least_degrees: standard deviations of a prior that are taken at least.
        wide_metres, wide_degrees: standard deviations of the gate where the first one leads nowhere.
        view_degrees: a point is looked for from directions that differ from its appearance's by less.
        view_scale: and at distances that differ by less than this factor.
        similarity: of two descriptors (their product), at least.
        ratio: of the best distance to the second best within the gate, at most.
        inlier: error of an inlier at most, in standard deviations of the map's rays.
        least_noise: standard deviation of a ray that is taken at least, in pixels of the map's features.
        inliers: at least so many confirm a pose within the gate; within the wide gate, twice as many.
        share: of the matches that must be inliers.
        cells: of 4x3 in the image that must hold inliers.
        retrieved: keyframes that are tried where the prior leads nowhere.
        confirmations: frames in a row that must agree, with the odometry between them, before a pose far from all
            guesses is believed.
    """

    gate: float = 3.0
    least_metres: float = 0.03
    least_degrees: float = 0.75
    wide_metres: float = 0.35
    wide_degrees: float = 12.0
    view_degrees: float = 40.0
    view_scale: float = 2.0
    similarity: float = 0.82
    ratio: float = 0.9
    inlier: float = 4.0
    least_noise: float = 0.5
    inliers: int = 12
    share: float = 0.35
    cells: int = 4
    retrieved: int = 5
    confirmations: int = 3

    def __post_init__(self) -> None:
        if self.inliers < 6 or self.cells < 1 or self.confirmations < 1 or self.retrieved < 0:
            raise ConfigError(f"{self}: inliers at least 6, cells and confirmations at least 1, retrieved at least 0")
        if not (0.0 < self.ratio <= 1.0 and 0.0 < self.share <= 1.0 and 0.0 < self.similarity < 1.0):
            raise ConfigError(f"{self}: ratio, share and similarity must lie between 0 and 1")
        widths = (self.least_metres, self.least_degrees, self.wide_metres, self.wide_degrees, self.least_noise)
        if min(self.gate, self.inlier, self.view_degrees, *widths) <= 0.0 or self.view_scale <= 1.0:
            raise ConfigError(f"{self}: gates, noise and view_degrees must be positive, view_scale above 1")
