"""Parameters of the mapping."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class MappingOptions:
    """Parameters of the mapping.

    Attributes:
        keyframe_metres, keyframe_degrees: motion between keyframes; the sharpest frame of each stretch is taken.
        keyframes: largest number of keyframes of a drive; a longer drive has fewer for each metre.
        width: width of the images in pixels after resizing; more detail costs time.
        features: largest number of features in one image.
        contrast: smallest contrast of a feature; real rooms are poor in texture, so it is a quarter of OpenCV's.
        similar: number of similar keyframes with which each keyframe is compared to find loop closures.
        overlapping: number of keyframes with overlapping views with which each keyframe is matched for the adjustment.
        closure_inliers: smallest number of matches that confirm a loop closure.
    """

    keyframe_metres: float = 0.08
    keyframe_degrees: float = 6.0
    keyframes: int = 600
    width: int = 320
    features: int = 1500
    contrast: float = 0.01
    similar: int = 6
    overlapping: int = 12
    closure_inliers: int = 20

    def __post_init__(self) -> None:
        if min(self.keyframe_metres, self.keyframe_degrees) <= 0.0:
            raise ConfigError(f"{self}: keyframe_metres and keyframe_degrees must be positive")
        if min(self.width, self.features, self.keyframes) < 50 or self.similar < 1 or self.closure_inliers < 8:
            raise ConfigError(
                f"{self}: width, features and keyframes at least 50, similar at least 1, closure_inliers at least 8"
            )
