"""Setting of the lamps and of the sun in a compiled apartment."""

from __future__ import annotations

import mujoco
import numpy as np

from localization_sim.apartments.scene import LAMP, SHADE, SUN
from localization_sim.lights.lighting import Lighting, colour_gains

#: OpenGL's limit of lights, without the one at the camera.
_MOST = 7


def set_light(model: mujoco.MjModel, lighting: Lighting) -> None:
    """Set the light of a model, which has the standard light.

    The sun shines through the windows that face it. The renderer can show `_MOST` lights; the weakest are left out.

    Args:
        model: compiled apartment; it changes.
        lighting: light to set.
    """
    warm, sky = colour_gains(lighting.warmth), colour_gains(-lighting.sky)
    model.vis.headlight.ambient[:] = np.clip(lighting.ambient * sky * model.vis.headlight.ambient, 0.0, 1.0)
    model.vis.headlight.diffuse[:] = np.clip(lighting.ambient * sky * model.vis.headlight.diffuse, 0.0, 1.0)
    strength = np.full(model.nlight, lighting.ambient)  # light from far away has no name
    for i in range(model.nlight):
        kind, _, number = model.light(i).name.partition("_")
        if kind == LAMP:
            brightness = lighting.lamps[int(number) % len(lighting.lamps)]
            model.light_diffuse[i] *= brightness * warm
            strength[i] = brightness
            model.mat_emission[model.material(f"{SHADE}_{number}").id] *= min(1.0, brightness)
        elif kind == SUN:
            strength[i] = _sunlight(model, i, lighting)
    for i in np.argsort(-strength)[_MOST:].tolist():
        strength[i] = 0.0
    model.light_active[:] = strength > 0.0


def _sunlight(model: mujoco.MjModel, light: int, lighting: Lighting) -> float:
    """Direct the light of a window along the rays of the sun; return its strength, 0 if it does not face the sun."""
    azimuth, elevation = np.radians(lighting.azimuth), np.radians(lighting.elevation)
    towards = -np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    inward = np.array(model.light_dir[light])
    facing = float(inward @ towards)
    if lighting.sun == 0.0 or facing <= 0.1:
        return 0.0
    model.light_dir[light] = towards
    model.light_diffuse[light] = lighting.sun * np.array([1.0, 0.93, 0.8])
    return lighting.sun * facing
