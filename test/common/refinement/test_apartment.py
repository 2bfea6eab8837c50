"""Rendered rooms: poses to a centimetre, with several cameras, from near and far guesses, in the true room only."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.keyframes.frame_correction import exponential
from localization_common.metrics.pose_metrics import PoseErrors, pose_errors, twist_errors
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.refiner import Guess, Refinement, Refiner, Status

SMALL = Camera.from_field_of_view(320, 240, 80.0)
COVARIANCE = np.diag([0.06**2] * 3 + [np.radians(1.5) ** 2] * 3)


def opened(mapped, camera: Camera = SMALL) -> Refiner:
    refiner = Refiner(mapped.known)
    refiner.set_camera(camera)
    return refiner


def halved(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)


def shifted(rng: np.random.Generator, pose: np.ndarray, metres: float, degrees: float) -> Guess:
    """Return a guess with an error in a random direction and about a random axis."""
    direction, axis = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
    return Guess(pose @ exponential(np.concatenate([metres * direction, np.radians(degrees) * axis])), COVARIANCE)


def refined(
    mapped, refiner: Refiner, images: list[np.ndarray], *, metres: float = 0.08, degrees: float = 2.0
) -> list[Refinement]:
    """Refine each view independently, from a guess with an error."""
    rng = np.random.default_rng(1)
    return [
        refiner.step(image, [shifted(rng, pose, metres, degrees)])
        for image, pose in zip(images, mapped.poses, strict=True)
    ]


def errors(mapped, found: list[Refinement]) -> PoseErrors:
    """Return the errors of refined poses."""
    kept = [i for i, f in enumerate(found) if f.map_T_camera is not None]
    return pose_errors(np.stack([found[i].map_T_camera for i in kept]), mapped.poses[kept])


def test_views_between_the_keyframes_are_refined_to_the_centimetre(mapped) -> None:
    found = refined(mapped, opened(mapped), [halved(image) for image in mapped.images])
    assert all(f.status is Status.REFINED for f in found)
    off = errors(mapped, found)
    assert off.median_m < 0.01
    assert off.median_deg < 0.3
    assert off.share_within(0.05, 2.0) == 1.0
    twists = twist_errors(np.stack([f.map_T_camera for f in found]), mapped.poses)
    squared = [t @ np.linalg.solve(f.covariance, t) for t, f in zip(twists, found, strict=True)]
    assert np.median(squared) < 12.0  # of six degrees of freedom


def test_a_cropped_and_rescaled_camera_is_as_good(mapped) -> None:
    camera = Camera(560, 400, mapped.known.focal * 2, mapped.known.focal * 2, 319.5 - 50, 239.5 - 40).resized(392, 280)
    images = [
        cv2.resize(np.ascontiguousarray(image[40:440, 50:610]), (392, 280), interpolation=cv2.INTER_AREA)
        for image in mapped.images
    ]
    off = errors(mapped, refined(mapped, opened(mapped, camera), images))
    assert len(off.metres) >= 10
    assert off.median_m < 0.01
    assert off.median_deg < 0.3


def test_a_distorted_camera_is_as_good(mapped) -> None:
    """Use plumb bob, remapped from the large images; the corners move by 30 pixels of 640."""
    fine = SMALL.resized(640, 480)
    camera = Camera(480, 360, 400.0, 396.0, 238.0, 181.0, "plumb_bob", (-0.22, 0.05, 0.001, -0.001))
    u, v = np.meshgrid(np.arange(480.0), np.arange(360.0))
    source = fine.project(camera.rays(np.column_stack([u.ravel(), v.ravel()]))).astype(np.float32).reshape(360, 480, 2)
    images = [cv2.remap(image, source, None, cv2.INTER_LINEAR) for image in mapped.images]
    off = errors(mapped, refined(mapped, opened(mapped, camera), images))
    assert len(off.metres) >= 10
    assert off.median_m < 0.012
    assert off.median_deg < 0.3


def test_guesses_half_a_metre_and_twenty_degrees_off_are_refined(mapped) -> None:
    images = [halved(image) for image in mapped.images]
    refiner = opened(mapped)
    found = refined(mapped, refiner, images, metres=0.5, degrees=20.0)
    good = [f for f in found if f.status is Status.REFINED]
    assert len(good) >= 0.9 * len(found)
    off = errors(mapped, found)
    assert off.median_m < 0.01
    assert off.share_within(0.05, 2.0) == 1.0


@pytest.mark.parametrize("row", [False, True])
def test_a_guess_in_the_other_room_is_never_confirmed(mapped, row: bool) -> None:
    """Refine views independently, and as a sequence with odometry, which finds the true place in spite of guesses."""
    refiner = opened(mapped)
    found = []
    for i, image in enumerate(mapped.images):
        guess = Guess(mapped.other_room[i % len(mapped.other_room)], COVARIANCE)
        motion = None
        if row and i:
            motion = Motion(se3.inverse(mapped.poses[i - 1]) @ mapped.poses[i], 1e-6 * np.eye(6))
        found.append(refiner.step(halved(image), [guess], motion=motion))
    if row:
        assert sum(f.map_T_camera is not None for f in found) >= 5
        off = errors(mapped, found)
        assert off.share_within(0.05, 2.0) == 1.0
        assert Status.RELOCATED in {f.status for f in found}
    else:
        assert {f.status for f in found} == {Status.REFUSED}
