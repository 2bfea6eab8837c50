"""Motion of particles by odometry, with the noise of amcl's differential model (Probabilistic Robotics, table 5.6)."""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.network import egocentric

#: Metres; the direction of a shorter motion is noise. amcl has the same threshold.
_MIN_TRANSLATION = 0.01


def rotation_translation_rotation(previous_P_base: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split a motion (..., 3) into turn (radians), translation, turn; a turn on the spot is in the second turn."""
    dx, dy, yaw = previous_P_base.unbind(-1)
    distance = torch.hypot(dx, dy)
    first = torch.where(distance < _MIN_TRANSLATION, torch.zeros_like(distance), torch.atan2(dy, dx))
    return first, distance, egocentric.wrap_angle(yaw - first)


def sample_motion(
    particles: Tensor, previous_P_base: Tensor, config: FilterConfig, generator: torch.Generator | None = None
) -> Tensor:
    """Particles (..., K, 3), metres and radians, after a noisy motion (..., 3) given by odometry.

    Each particle draws its own noise from the generator. The generator is on the CPU, so that a seed gives the same
    numbers on every device. The least noise is the same in all directions: it is added along and across the motion.
    """
    first, distance, second = (part.unsqueeze(-1) for part in rotation_translation_rotation(previous_P_base))
    # backward motion is not a turn of half a circle, and must not have the noise of one
    turn_1 = torch.minimum(first.abs(), torch.pi - first.abs())
    turn_2 = torch.minimum(second.abs(), torch.pi - second.abs())
    variance_1 = config.alpha1 * turn_1**2 + config.alpha2 * distance**2
    variance_distance = config.alpha3 * distance**2 + config.alpha4 * (turn_1**2 + turn_2**2) + config.min_noise_d**2
    variance_2 = config.alpha1 * turn_2**2 + config.alpha2 * distance**2 + config.min_noise_a**2
    # one row for each noise and coordinate: operations on rows are several times as fast as on columns
    noise = torch.randn((4, *particles.shape[:-1]), generator=generator).to(particles)
    x, y, yaw = particles.unbind(-1)
    heading = yaw + torch.addcmul(first, noise[0], variance_1.sqrt())
    along = torch.addcmul(distance, noise[1], variance_distance.sqrt())
    across = noise[2] * config.min_noise_d
    cos, sin = heading.cos(), heading.sin()
    x = torch.addcmul(torch.addcmul(x, cos, along), sin, across, value=-1.0)
    y = torch.addcmul(torch.addcmul(y, sin, along), cos, across)
    yaw = egocentric.wrap_angle(heading + torch.addcmul(second, noise[3], variance_2.sqrt()))
    return torch.stack([x, y, yaw]).movedim(0, -1)
