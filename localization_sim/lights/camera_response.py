"""Response of a camera: from rendered images to those of a sensor with an exposure, noise and a lens."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from localization_sim.lights.lighting import CameraSettings, colour_gains

Image = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

#: Exponent from display values to light.
GAMMA = 2.2
#: Mean light of a frame at which the automatic exposure neither adds nor removes light.
_MIDDLE = 0.2
#: Number of images over which the automatic exposure measures, and its largest change in stops.
_LAG, _REACH = 3, 2.5


class CameraResponse:
    """Images of one drive, as the camera shows them.

    Args:
        settings: response.
        rendered: renders the image (H, W, 3) of a frame's number.
        seed: seed of the noise.
    """

    def __init__(self, settings: CameraSettings, rendered: Callable[[int], Image], seed: int) -> None:
        self._settings, self._rendered, self._seed = settings, rendered, seed
        self._brightness: dict[int, float] = {}

    def __call__(self, frame: int) -> Image:
        """Return the image (H, W, 3) of a frame; the same however often and in whatever order frames are read."""
        settings = self._settings
        image = self._rendered(frame)
        if settings.ideal:
            return image
        light = _light(image)
        self._brightness[frame] = float(light.mean())
        if settings.blur > 0.0 and frame > 0:
            light = _smeared(light, _light(self._rendered(frame - 1)), settings.blur)
        random = np.random.default_rng([self._seed, frame, 11])
        stops = settings.stops + (self._correction(frame) if settings.automatic else 0.0)
        light = light * np.exp2(stops) * colour_gains(settings.temperature) * _vignette(light, settings.vignetting)
        light = _scattered(light.astype(np.float32), settings.glare)
        # The photons' noise has the root of their number; an exposure that adds light has seen fewer of them.
        gain = np.exp2(0.5 * max(0.0, stops))
        deviation = settings.noise * gain * (np.sqrt(light.clip(0.0)) + 0.1)
        noisy = light + deviation * random.standard_normal(light.shape, dtype=np.float32)
        shown = np.clip(noisy, 0.0, 1.0) ** (settings.gamma / GAMMA)
        return np.asarray(np.rint(255.0 * shown), dtype=np.uint8)

    def _correction(self, frame: int) -> float:
        """Stops of the automatic exposure, from the frames before: it follows the brightness with a lag."""
        before = range(max(0, frame - _LAG), max(1, frame))
        measured = sum(self._measured(number) for number in before) / len(before)
        return float(np.clip(np.log2(_MIDDLE / max(measured, 1e-4)), -_REACH, _REACH))

    def _measured(self, frame: int) -> float:
        if frame not in self._brightness:
            self._brightness[frame] = float(_light(self._rendered(frame)).mean())
        return self._brightness[frame]


def _light(image: Image) -> Light:
    """Light (H, W, 3), 0..1, of an image."""
    return np.asarray(_LIGHT[image], dtype=np.float32)


_LIGHT = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)


def _smeared(light: Light, before: Light, share: float) -> Light:
    """Motion blur: the shutter is open for a share of the way from the image before, along the flow between both."""
    grey = [cv2.cvtColor(np.asarray(255.0 * x ** (1 / GAMMA), np.uint8), cv2.COLOR_RGB2GRAY) for x in (light, before)]
    flow = cv2.calcOpticalFlowFarneback(grey[0], grey[1], None, 0.5, 4, 15, 2, 5, 1.1, 0)
    rows, columns = np.mgrid[0 : light.shape[0], 0 : light.shape[1]].astype(np.float32)
    parts = []
    for part in np.linspace(0.0, share, 5, dtype=np.float32):
        x, y = columns + part * flow[..., 0], rows + part * flow[..., 1]
        parts.append(cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return np.asarray(np.mean(parts, axis=0), dtype=np.float32)


def _vignette(light: Light, loss: float) -> Light:
    """Factors (H, W, 1) that fall with the square of the distance from the middle, to 1 - loss in the corners."""
    height, width = light.shape[:2]
    y, x = np.mgrid[-1.0 : 1.0 : height * 1j, -1.0 : 1.0 : width * 1j]
    return np.asarray(1.0 - loss * 0.5 * (x**2 + y**2), dtype=np.float32)[..., None]


def _scattered(light: Light, share: float) -> Light:
    """Scatter a share of the light: half across the whole picture, half around what is bright."""
    if share == 0.0:
        return light
    size = (light.shape[1] // 8, light.shape[0] // 8)
    bright = cv2.resize(light**2, size, interpolation=cv2.INTER_AREA)
    near = cv2.GaussianBlur(bright, (0, 0), size[0] / 8)
    veil = cv2.resize(near, light.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray((1.0 - share) * light + 2.0 * share * (veil + bright.mean()), dtype=np.float32)
