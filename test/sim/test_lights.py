"""Tests of the light in apartments, and of the camera's response to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from small_camera import SMALL

from localization_common.errors import ConfigError
from localization_sim import drive
from localization_sim.lights.camera_response import CameraResponse
from localization_sim.lights.lighting import TEST_LIGHTS, CameraSettings, Lighting, light_of_drive, lighting_of
from localization_sim.rendering import Renderer, open_apartment

Image = npt.NDArray[np.uint8]


def picture(renderer: Renderer) -> Image:
    """Picture of a room with windows on two sides, in the test drive."""
    return drive.as_sequence(renderer, drive.plan(renderer, "test")).read_image(60)


@pytest.fixture(scope="module")
def standard() -> Image:
    with open_apartment(0, SMALL) as renderer:
        return picture(renderer)


def lit(lighting: Lighting) -> Image:
    """Picture in a light, without the response of its camera."""
    with open_apartment(0, SMALL) as renderer:
        apartment = renderer.apartment
    with Renderer(apartment, SMALL, lighting) as renderer:
        return picture(renderer)


def test_lamps_and_daylight_change_the_brightness(standard: Image) -> None:
    off, warm, bright = lit(Lighting(lamps=(0.0,))), lit(Lighting(warmth=0.5)), lit(Lighting(ambient=1.4))
    assert off.mean() < 0.8 * standard.mean()
    assert bright.mean() > 1.05 * standard.mean()
    red_over_blue = [x[..., 0].mean() / x[..., 2].mean() for x in (standard, warm)]
    assert red_over_blue[1] > 1.1 * red_over_blue[0]


def test_the_sun_casts_shadows_that_move() -> None:
    """Two directions of the sun: somewhere it is brighter in one, elsewhere in the other."""
    noon, later = (lit(Lighting(lamps=(0.0,), sun=1.5, azimuth=a, elevation=30.0)) for a in (-60.0, -120.0))
    difference = noon.astype(int).sum(-1) - later.astype(int).sum(-1)
    assert (difference > 60).mean() > 0.01
    assert (difference < -60).mean() > 0.01


@pytest.mark.parametrize("name", TEST_LIGHTS)
def test_a_test_light_changes_the_images(name: str) -> None:
    with open_apartment(0, SMALL) as plain, open_apartment(0, SMALL, light=name) as renderer:
        expected, sequence = (drive.as_sequence(r, drive.plan(r, "test")) for r in (plain, renderer))
        before, image = expected.read_image(20).astype(int), sequence.read_image(20).astype(int)
        assert np.abs(image - before).mean() > 10.0
        assert image.std() > 8.0  # something is seen
        np.testing.assert_array_equal(sequence.read_image(20), image)
        assert sequence.read_depth is not None
        assert expected.read_depth is not None
        np.testing.assert_array_equal(sequence.read_depth(20), expected.read_depth(20))


def test_names_of_lights() -> None:
    assert lighting_of("standard") == Lighting()
    assert lighting_of("random_7") == lighting_of("random_7") != lighting_of("random_8")
    assert not {lighting_of(f"random_{n}") for n in range(50)} & set(TEST_LIGHTS.values())
    assert light_of_drive("random", "train_00") != light_of_drive("random", "train_01")
    assert light_of_drive("evening", "train_00") == "evening"
    with pytest.raises(ConfigError, match="evening, one_lamp"):
        lighting_of("disco")


def ramp(brightness: Callable[[int], float]) -> Callable[[int], Image]:
    """Images of one ramp of grey, in light that changes from frame to frame."""
    return lambda frame: np.tile(
        np.uint8(np.clip(255.0 * brightness(frame) * np.linspace(0.2, 0.8, 64), 0, 255))[None, :, None], (48, 1, 3)
    )


def test_the_automatic_exposure_follows_with_a_lag() -> None:
    """Images get half as bright at frame 10."""
    rendered = ramp(lambda frame: 1.0 if frame < 10 else 0.5)
    shown = CameraResponse(CameraSettings(automatic=True), rendered, 0)
    level = [float(shown(frame).mean()) for frame in range(16)]
    assert level[10] < 0.7 * level[9]  # not yet
    assert level[11] < level[12] < level[13]
    assert level[15] == pytest.approx(level[9], rel=0.05)
    alone = CameraResponse(CameraSettings(automatic=True), rendered, 0)
    assert float(alone(12).mean()) == level[12]  # whatever frames were read before


def test_exposure_balance_gamma_and_vignetting() -> None:
    image = ramp(lambda _: 0.6)(0)

    def shown(**settings: float) -> npt.NDArray[np.float64]:
        return CameraResponse(CameraSettings(**settings), lambda _: image, 0)(0).astype(np.float64)  # type: ignore[arg-type]

    def light(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return (x / 255.0) ** 2.2

    np.testing.assert_array_equal(shown(), image)
    middle = (24, 32)
    assert light(shown(stops=1.0))[middle] == pytest.approx(2.0 * light(image.astype(float))[middle], rel=0.03)
    red, green, blue = light(shown(temperature=0.5))[middle]
    assert (red / green, green / blue) == (pytest.approx(2**0.5, rel=0.03), pytest.approx(2**0.5, rel=0.03))
    assert shown(gamma=1.5)[middle].mean() < image[middle].mean()
    corner, centre = shown(vignetting=0.5)[0, 0] / image[0, 0], shown(vignetting=0.5)[middle] / image[middle]
    assert (corner < 0.8 * centre).all()
    hazy = light(shown(glare=0.2))
    assert hazy.max() / hazy.min() < 0.8 * light(image.astype(float)).max() / light(image.astype(float)).min()
    noise = [CameraResponse(CameraSettings(noise=0.05), lambda _: image, 0)(frame) for frame in (0, 1)]
    assert noise[0].std(axis=0).mean() > 2.0
    assert not np.array_equal(*noise)  # no two images of a sensor are equal
