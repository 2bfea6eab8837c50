"""Strength of the augmentation of training frames."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AugmentationConfig:
    """Strength of the augmentation.

    Attributes:
        viewpoint: share of pairs that are re-projected to nearby poses; needs depth, of a part of the pixels at least.
        metres, degrees: standard deviation of such a pose, common to both frames of a pair.
        relative: deviation of each single frame as a share of the common one; it varies the motion between frames.
        planar: for robots on a floor with a level camera: almost no change of height, roll and pitch.
        light: strength of brightness, contrast and colour changes.
        relight: share of pairs in other light, through another camera (`localization_common.photometry.relighting`).
        narrow: share of pairs as a lens with a narrower view shows them (`localization_common.camera.adapter`).
        erase: share of images in which a random patch is erased.
        shift: largest shift of the images in pixels, the same for both of a pair.
        mirror: share of pairs that are mirrored together with the map; for odometry without the pose stream only.
        alone: share of pairs whose frames are each used as a first frame.
    """

    viewpoint: float = 0.6
    metres: float = 0.12
    degrees: float = 8.0
    relative: float = 0.25
    planar: bool = False
    light: float = 0.3
    relight: float = 0.0
    narrow: float = 0.0
    erase: float = 0.3
    shift: int = 3
    mirror: float = 0.0
    alone: float = 0.1
