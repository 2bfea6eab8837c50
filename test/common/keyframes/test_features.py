"""Features are the same for different cameras."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.errors import CameraError
from localization_common.keyframes.feature_tracks import mutual_best
from localization_common.keyframes.features import FeatureExtractor, Features, root_sift

CAMERA = Camera.from_field_of_view(320, 240, 80.0)
LARGE = Camera.from_field_of_view(640, 480, 80.0)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Image of blobs of all sizes, 640x480."""
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.normal(size=(3 * n, 4 * n)), (640, 480), interpolation=cv2.INTER_CUBIC) for n in (8, 20, 50)
    ]
    grey = np.clip(128.0 + 40.0 * sum(layers), 0, 255).astype(np.uint8)
    return np.stack([grey] * 3, axis=-1)


def matched(a: Features, b: Features) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = mutual_best(a.descriptors @ b.descriptors.T, 0.8)
    return a.rays[rows], b.rays[columns]


def test_a_larger_image_has_the_same_features(image: np.ndarray) -> None:
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
    a = FeatureExtractor(CAMERA, focal=CAMERA.fx, count=300)(small)
    b = FeatureExtractor(LARGE, focal=CAMERA.fx, count=300)(image)
    left, right = matched(a, b)
    assert len(left) > 0.9 * len(a)
    np.testing.assert_allclose(left, right, atol=0.01 / CAMERA.fx)


@pytest.mark.parametrize(("gain", "offset"), [(0.25, 10.0), (0.25, 180.0)], ids=["dim", "overexposed"])
def test_an_image_of_little_contrast_has_the_same_features(image: np.ndarray, gain: float, offset: float) -> None:
    extract = FeatureExtractor(LARGE, focal=LARGE.fx, count=3000)
    flat = np.rint(gain * image + offset).astype(np.uint8)
    usual = extract(image)
    left, right = matched(usual, extract(flat))
    assert len(left) > 0.8 * len(usual)
    assert np.median(np.linalg.norm(left - right, axis=1)) < 0.2 / LARGE.fx
    assert len(extract(image)) == len(usual)  # the threshold belongs to the image, not to the extractor


def test_a_cropped_image_has_the_same_rays(image: np.ndarray) -> None:
    cropped = Camera(500, 400, LARGE.fx, LARGE.fy, LARGE.cx - 100, LARGE.cy - 50)
    a = FeatureExtractor(LARGE, focal=LARGE.fx, count=1000)(image)
    b = FeatureExtractor(cropped, focal=LARGE.fx, count=1000)(np.ascontiguousarray(image[50:450, 100:600]))
    left, right = matched(a, b)
    assert len(left) > 0.6 * len(b)
    assert np.median(np.linalg.norm(left - right, axis=1)) < 0.05 / LARGE.fx


def test_a_distorted_image_has_the_same_rays(image: np.ndarray) -> None:
    bent = Camera(640, 480, LARGE.fx, LARGE.fy, LARGE.cx, LARGE.cy, "plumb_bob", (-0.2, 0.03, 0.001, -0.001))
    u, v = np.meshgrid(np.arange(640.0), np.arange(480.0))
    source = LARGE.project(bent.rays(np.column_stack([u.ravel(), v.ravel()]))).astype(np.float32).reshape(480, 640, 2)
    seen = cv2.remap(image, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left, right = matched(
        FeatureExtractor(LARGE, focal=LARGE.fx, count=1000)(image),
        FeatureExtractor(bent, focal=LARGE.fx, count=1000)(seen),
    )
    assert len(left) > 200
    assert np.median(np.linalg.norm(left - right, axis=1)) < 0.5 / LARGE.fx


def test_nothing_is_found_in_ignored_pixels_nor_without_texture(image: np.ndarray) -> None:
    extract = FeatureExtractor(LARGE, focal=CAMERA.fx, count=300)
    ignored = np.zeros((480, 640), dtype=np.bool_)
    ignored[:, 320:] = True
    found = extract(image, ignored)
    assert len(found) > 100
    assert (found.rays[:, 0] < 2.0 / CAMERA.fx).all()
    for nothing in (extract(image, ~np.zeros_like(ignored)), extract(np.zeros_like(image))):
        assert len(nothing) == 0
        assert (nothing.rays.shape, nothing.descriptors.shape, nothing.sizes.shape) == ((0, 2), (0, 128), (0,))


def test_descriptors_have_length_one() -> None:
    values = np.random.default_rng(0).uniform(0, 255, (10, 128)).astype(np.float32)
    values[3] = 0.0
    lengths = np.linalg.norm(root_sift(values), axis=1)
    np.testing.assert_allclose(np.delete(lengths, 3), 1.0, atol=1e-6)
    assert lengths[3] == 0.0


def test_unfit_cameras_and_images_are_refused(image: np.ndarray) -> None:
    with pytest.raises(CameraError, match="less than half"):
        FeatureExtractor(CAMERA, focal=2.1 * CAMERA.fx, count=100)
    with pytest.raises(CameraError, match="image is 640x480, its camera has 320x240"):
        FeatureExtractor(CAMERA, focal=CAMERA.fx, count=100)(image)
