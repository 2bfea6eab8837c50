"""Camera adaptation: a pattern that is painted on rays must look the same through every lens."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.camera import Camera, CameraAdapter
from localization_common.errors import CameraError

TARGET = Camera.from_field_of_view(320, 240, 60.0)
SOURCES = {
    "larger": Camera(640, 480, 500.0, 500.0, 330.0, 236.0),
    "smaller": Camera(200, 150, 165.0, 165.0, 99.5, 74.5),
    "stretched": Camera(640, 480, 520.0, 390.0, 320.0, 240.0),
    "barrel": Camera(640, 480, 380.0, 380.0, 320.0, 240.0, "plumb_bob", (-0.3, 0.1, 0.0, 0.0, -0.01)),
    "rational": Camera(
        1280, 720, 600.0, 600.0, 640.0, 360.0, "rational_polynomial", (0.52, -2.65, 0, 0, 1.53, 0.4, -2.46, 1.46)
    ),
    "fisheye": Camera(1280, 720, 400.0, 400.0, 640.0, 360.0, "equidistant", (0.01, -0.02, 0.0, 0.0)),
}


def grid(camera: Camera) -> np.ndarray:
    u, v = np.meshgrid(np.arange(camera.width, dtype=float), np.arange(camera.height, dtype=float))
    return np.stack([u.ravel(), v.ravel()], axis=1)


def painted(camera: Camera) -> np.ndarray:
    """Picture of a smooth pattern that depends on the rays."""
    x, y = np.clip(camera.rays(grid(camera)), -3, 3).T
    channels = [127 + 100 * np.sin(9 * x + 2 * y), 127 + 100 * np.cos(7 * y), 127 + 100 * np.sin(5 * x * y + x)]
    return np.round(np.stack(channels, axis=1)).reshape(camera.height, camera.width, 3).astype(np.uint8)


def regions(camera: Camera) -> np.ndarray:
    """Labels that depend on the rays: chequers of 0.1."""
    x, y = np.clip(camera.rays(grid(camera)), -3, 3).T
    labels = (np.floor(x / 0.1) + 3 * np.floor(y / 0.1)) % 7
    return labels.reshape(camera.height, camera.width).astype(np.uint8)


@pytest.mark.parametrize("name", SOURCES)
def test_the_pattern_looks_the_same_through_every_lens(name: str) -> None:
    adapter = CameraAdapter(SOURCES[name], TARGET)
    adapted = adapter(painted(SOURCES[name])).astype(float)
    assert adapted.shape == (240, 320, 3)
    error = np.abs(adapted - painted(TARGET))[2:-2, 2:-2]
    assert np.median(error) <= 1.0
    assert error.max() <= 6.0


@pytest.mark.parametrize("name", SOURCES)
def test_labels_and_depth_go_to_the_target_without_interpolation(name: str) -> None:
    source = SOURCES[name]
    adapter = CameraAdapter(source, TARGET)
    labels = adapter.nearest(regions(source))
    seen = labels != 255
    assert seen.mean() > 0.95
    agreement = (labels == regions(TARGET))[seen].mean()
    assert agreement > (0.94 if name == "smaller" else 0.97)  # all but the pixels on the edges between chequers
    values = np.array([0.5, 1.5, 4.0, np.nan], dtype=np.float32)
    depth = values[np.random.default_rng(0).integers(0, 4, (source.height, source.width))]
    adapted = adapter.nearest(depth)
    assert adapted.dtype == np.float32
    assert np.isin(adapted[~np.isnan(adapted)], values[:3]).all()


@pytest.mark.parametrize("name", SOURCES)
def test_labels_come_back_at_the_sources_size(name: str) -> None:
    source = SOURCES[name]
    back = CameraAdapter(source, TARGET).back(regions(TARGET))
    assert back.shape == (source.height, source.width)
    assert back.dtype == np.uint8
    rays = source.rays(grid(source)).reshape(source.height, source.width, 2)
    half = np.abs(TARGET.rays(np.array([[-0.5, -0.5]])))[0]
    inside, outside = (np.abs(rays) < 0.99 * half).all(-1), (np.abs(rays) > 1.01 * half).any(-1)
    assert (back[outside] == 255).all()
    assert (back[inside] != 255).all()
    assert (back == regions(source))[inside].mean() > 0.95


def test_each_pixel_of_a_mask_takes_the_label_along_its_ray() -> None:
    source = Camera(40, 30, 20.0, 20.0, 19.5, 14.5)
    target = Camera(10, 8, 10.0, 10.0, 4.5, 3.5)
    labels = np.arange(80, dtype=np.uint8).reshape(8, 10)
    back = CameraAdapter(source, target).back(labels, fill=200)
    for v in range(30):
        for u in range(40):
            column, row = (u - 19.5) / 2 + 4.5, (v - 14.5) / 2 + 3.5
            inside = -0.5 <= column <= 9.5 and -0.5 <= row <= 7.5
            expected = labels[round(np.clip(row, 0, 7)), round(np.clip(column, 0, 9))] if inside else 200
            assert back[v, u] == expected, (u, v)


def test_fine_stripes_average_instead_of_aliasing() -> None:
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    adapted = CameraAdapter(Camera(640, 480, 500.0, 500.0, 319.5, 239.5), TARGET.resized(80, 60))(stripes)
    assert np.abs(adapted[2:-2, 2:-2].astype(float) - 127.5).max() < 16


def test_the_networks_own_camera_changes_no_pixel() -> None:
    image = painted(TARGET)
    adapter = CameraAdapter(TARGET, TARGET)
    np.testing.assert_array_equal(adapter(image), image)
    np.testing.assert_array_equal(adapter.nearest(image[..., 0]), image[..., 0])
    np.testing.assert_array_equal(adapter.back(image[..., 0]), image[..., 0])
    assert adapter.coverage == 1.0


def test_a_crop_is_exact() -> None:
    source = Camera(100, 80, 90.0, 90.0, 50.0, 40.0)
    target = Camera(40, 30, 90.0, 90.0, 50.0 - 20, 40.0 - 25)
    image = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    np.testing.assert_array_equal(CameraAdapter(source, target)(image), image[25:55, 20:60])


def test_too_small_a_field_of_view_is_refused_with_its_share() -> None:
    narrow = Camera.from_field_of_view(640, 480, 40.0)
    share = (np.tan(np.radians(20)) / np.tan(np.radians(30))) ** 2
    with pytest.raises(CameraError, match=rf"40 deg\) sees only {share:.0%}.*or 50 deg, is needed.*wider lens"):
        CameraAdapter(narrow, TARGET, partial=True)
    assert CameraAdapter(narrow, TARGET, min_coverage=0.3).coverage == pytest.approx(share, abs=0.01)


def test_a_narrow_lens_shows_a_part_and_the_rest_is_its_mean() -> None:
    """A lens of 62 degrees, as of many depth cameras, before a network of 90 degrees."""
    narrow, target = Camera.from_field_of_view(640, 360, 62.0), Camera.from_field_of_view(160, 120, 90.0)
    with pytest.raises(CameraError, match="at least 95% is needed"):
        CameraAdapter(narrow, target)
    adapter = CameraAdapter(narrow, target, partial=True)
    assert adapter.partial
    image = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    adapted = adapter(image)
    share = np.tan(np.radians(31.0))
    assert adapter.coverage == pytest.approx(share * share * (360 / 640) / (120 / 160), abs=0.01)
    seen = narrow.sees(target.rays(grid(target))).reshape(120, 160)
    np.testing.assert_array_equal(adapted[~seen], np.tile(np.rint(adapted[seen].mean(axis=0)), ((~seen).sum(), 1)))
    assert adapted[seen].std() > 5.0
    same = CameraAdapter(narrow, Camera.from_field_of_view(160, 90, 62.0))(image)
    left, top = 80 - round(80 * share), 60 - round(80 * share * 360 / 640)
    inner = adapted[top + 2 : 118 - top, left + 2 : 158 - left].astype(float)
    assert abs(inner.mean() - same.mean()) < 3.0


def test_outside_the_sources_view_labels_are_unlabelled_and_depth_unknown() -> None:
    narrow = Camera.from_field_of_view(640, 480, 40.0)
    adapter = CameraAdapter(narrow, TARGET, min_coverage=0.3)
    labels = adapter.nearest(np.full((480, 640), 3, np.uint8))
    depth = adapter.nearest(np.full((480, 640), 2.0, np.float32))
    assert labels[0, 0] == 255
    assert np.isnan(depth[0, 0])
    assert labels[120, 160] == 3
    assert depth[120, 160] == 2.0


def test_rays_beyond_the_fold_of_a_lens_are_not_seen() -> None:
    # r - 0.3 r^3 turns back at r = 1.05: beyond, the wide target's rays fall into the image a second time.
    folding = Camera(640, 480, 200.0, 200.0, 320.0, 240.0, "plumb_bob", (-0.3, 0.0, 0.0, 0.0, 0.0))
    wide = Camera.from_field_of_view(320, 240, 120.0)
    adapter = CameraAdapter(folding, wide, min_coverage=0.1)
    radius = np.linalg.norm(wide.rays(grid(wide)), axis=1)
    assert adapter.coverage == pytest.approx((radius < np.sqrt(1 / 0.9)).mean(), abs=0.01)


def test_images_of_another_size_and_distorted_targets_are_refused() -> None:
    adapter = CameraAdapter(SOURCES["larger"], TARGET)
    for call in (adapter, adapter.nearest):
        with pytest.raises(CameraError, match=r"100x50.*640x480"):
            call(np.zeros((50, 100), np.uint8))
    with pytest.raises(CameraError, match=r"640x480.*320x240"):
        adapter.back(np.zeros((480, 640), np.uint8))
    with pytest.raises(CameraError, match="free of distortion"):
        CameraAdapter(TARGET, SOURCES["fisheye"])
