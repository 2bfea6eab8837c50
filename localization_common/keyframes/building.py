"""Building of a keyframe map from frames with poses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import sequence as data
from localization_common.errors import ConfigError, MapError
from localization_common.geometry import se3
from localization_common.keyframes.adjustment import AdjustedKeyframes, adjust
from localization_common.keyframes.appearances import appearances
from localization_common.keyframes.correction_fit import fit_correction
from localization_common.keyframes.feature_tracks import FeatureTracks, MatchingConfig, find_tracks
from localization_common.keyframes.features import FeatureExtractor, Features
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import cover
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.retrieval import thumbnail
from localization_common.keyframes.triangulation import residuals, triangulate

Array = npt.NDArray[np.float64]

#: Largest distance from the origin in metres; up to it, single precision resolves a quarter of a millimetre.
_FARTHEST = 4096.0
#: Largest errors of observations in each round, in units of the final one, since poses are inaccurate at first.
_COARSE_TO_FINE = (6.0, 4.0, 2.0, 1.0)


@dataclass(frozen=True)
class KeyframeConfig:
    """Parameters for building a keyframe map.

    Attributes:
        metres: distance from the other keyframes at which a new keyframe is needed.
        degrees: rotation from the other keyframes at which a new keyframe is needed.
        most: largest number of keyframes.
        width: width of the images in pixels after resizing; more detail costs time in every frame.
        features: largest number of features in one image.
        matching: parameters of the matching of features.
        position_std: standard deviation of the given positions, metres.
        calibrate: estimate the lens's focal length and radial distortion, too, for inaccurate calibrations. The
            correction is applied to every camera that uses the map.
        residual: largest error of an observation, at depth one.
        views: smallest number of keyframes that see a point. Two give more points where keyframes are few, and more
            wrong ones.
    """

    metres: float = 0.05
    degrees: float = 5.0
    most: int = 400
    width: int = 320
    features: int = 800
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    position_std: float = 0.03
    calibrate: bool = False
    residual: float = 0.006
    views: int = 3

    def __post_init__(self) -> None:
        if min(self.most, self.width, self.features) < 1:
            raise ConfigError(f"{self}: most, width and features must be at least 1")
        if self.views < 2:
            raise ConfigError(f"{self}: views must be at least 2: one keyframe gives no distance")
        if min(self.metres, self.degrees, self.position_std, self.residual) <= 0.0:
            raise ConfigError(f"{self}: metres, degrees, position_std and residual must be positive")


@dataclass(frozen=True)
class Keyframes:
    """Keyframes of one or several sequences.

    Attributes:
        given: (K, 4, 4) given poses, map_T_camera.
        features: features of each keyframe.
        thumbnails: (K, T) uint8.
        focal: focal length of the images in which the features were found, pixels.
    """

    given: Array
    features: Sequence[Features]
    thumbnails: npt.NDArray[np.uint8]
    focal: float


IgnoredPixels = Callable[[data.Sequence, int], npt.NDArray[np.bool_] | None]


def choose(sequences: Sequence[data.Sequence], config: KeyframeConfig, ignored: IgnoredPixels) -> Keyframes:
    """Choose keyframes that cover the sequences, and extract their features.

    Args:
        sequences: sequences with poses; cameras may differ, features are found at the first one's scale.
        config: parameters of the map.
        ignored: function of a sequence and a position that returns the pixels (H, W) of moving objects, or None.
    """
    poses = np.concatenate([s.map_T_camera for s in sequences])
    owner = [(s, position) for s in sequences for position in range(len(s))]
    chosen = cover(poses, metres=config.metres, radians=np.radians(config.degrees), most=config.most)
    first = sequences[0].camera
    focal = first.fx * min(1.0, config.width / first.width)
    extractors: dict[Camera, FeatureExtractor] = {}
    features, thumbnails = [], []
    for sequence, position in (owner[i] for i in chosen):
        if sequence.camera not in extractors:
            extractors[sequence.camera] = FeatureExtractor(sequence.camera, focal=focal, count=config.features)
        image = sequence.read_image(position)
        features.append(extractors[sequence.camera](image, ignored(sequence, position)))
        thumbnails.append(thumbnail(image))
    return Keyframes(poses[chosen], features, np.stack(thumbnails), focal)


def build(keyframes: Keyframes, config: KeyframeConfig, card: dict[str, Any] | None = None) -> KeyframeMap:
    """Build the map of keyframes: tracks, points, adjustment, appearances.

    Raises:
        MapError: too few points are seen from several keyframes, the adjustment fails, or a pose is too far from the
            origin.
    """
    farthest = float(np.abs(keyframes.given[:, :3, 3]).max())
    if farthest > _FARTHEST:
        raise MapError(
            f"a keyframe lies {farthest:.0f} m from the map's origin; beyond {_FARTHEST:.0f} m, single precision "
            "does not resolve millimetres: give poses with an origin nearby"
        )
    tracks = find_tracks(keyframes.features, keyframes.given, config.matching, least=config.views)
    rays = _rays(keyframes, tracks)
    points = triangulate(rays, se3.inverse(keyframes.given)[tracks.keyframe], tracks.point, tracks.points)
    now = AdjustedKeyframes(points, keyframes.given, LensCorrection())
    for factor in _COARSE_TO_FINE:
        tracks, now = _clean(keyframes, tracks, now, factor * config.residual, config.views)
        now = adjust(
            now.points,
            keyframes.given,
            _rays(keyframes, tracks),
            tracks,
            position_std=config.position_std,
            calibrate=config.calibrate,
            loss=config.residual / 3.0,
        )
    tracks, now = _clean(keyframes, tracks, now, config.residual, config.views)
    corrected = now.lens.undistort(_rays(keyframes, tracks))
    error = residuals(now.points[tracks.point], now.map_T_camera[tracks.keyframe], corrected)
    unit = {"metres": config.metres, "radians": float(np.radians(config.degrees))}
    seen = appearances(keyframes.features, tracks, now)
    return KeyframeMap(
        points=now.points.astype(np.float32),
        **seen,
        correction=fit_correction(keyframes.given, now.map_T_camera, **unit),
        thumbnails=keyframes.thumbnails,
        repeated_view=np.zeros(len(keyframes.given), dtype=np.bool_),
        lens=now.lens,
        focal=keyframes.focal,
        features=config.features,
        covariance_scale=1.0,
        noise=float(np.sqrt(np.mean(error**2) / 2.0)),
        card=dict(card or {}) | {"observations": len(tracks.point)},
        image_vectors=ImageVectors.of([f.descriptors for f in keyframes.features]),
    ).tiled()


def _rays(keyframes: Keyframes, tracks: FeatureTracks) -> Array:
    """Return the rays (O, 2) of the observations."""
    return tracks.observed([f.rays for f in keyframes.features])


def _clean(
    keyframes: Keyframes, tracks: FeatureTracks, now: AdjustedKeyframes, limit: float, least: int
) -> tuple[FeatureTracks, AdjustedKeyframes]:
    """Remove observations with a larger error than the limit, and points with too few observations left."""
    rays = now.lens.undistort(_rays(keyframes, tracks))
    off = residuals(now.points[tracks.point], now.map_T_camera[tracks.keyframe], rays)
    kept, points = tracks.keep(off < limit, least=least)
    if len(points) < 20:
        raise MapError(
            f"only {len(points)} points are seen from at least {least} keyframes: are the poses those of the camera, "
            "in metres, and do frames overlap?"
        )
    return kept, replace(now, points=now.points[points])
