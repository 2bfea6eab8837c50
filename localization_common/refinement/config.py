"""Parameters of the refinement."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class RefinementConfig:
    """Parameters of the search near a prior, and of the acceptance of a refined pose.

    Attributes:
        gate: standard deviations of the prior within which points are searched.
        least_metres, least_degrees: smallest standard deviations of a prior; smaller ones are set to these.
        wide_metres, wide_degrees: standard deviations of the wide gate, used if no pose is found in the first one.
        view_degrees: largest angle between the direction to a point and that of its appearance.
        view_scale: largest ratio between the distance of a point and that of its appearance.
        similarity: smallest similarity of two descriptors (their product).
        ratio: largest ratio of the best distance to the second best within the gate.
        inlier: largest error of an inlier, in standard deviations of the map's rays.
        least_noise: smallest standard deviation of a ray, in pixels of the map's features.
        inliers: smallest number of inliers that confirm a pose within the gate; twice as many in the wide gate.
        share: smallest share of inliers among the matches.
        cells: smallest number of cells, of 4x3 in the image, that contain inliers.
        retrieved: number of similar keyframes to try if no pose is found near the prior.
        confirmations: number of consecutive frames that must agree, with the odometry between them, before a pose far
            from all guesses is accepted.
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
