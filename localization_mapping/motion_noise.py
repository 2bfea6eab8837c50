"""Noise of a robot's odometry between keyframes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]

#: Smallest number of motions to which a noise is fitted.
_FEWEST = 20
#: Medians of the absolute value of a normal variable, and of the length of two, of standard deviation one.
_MEDIAN_1D, _MEDIAN_2D = 0.6745, 1.1774
#: Smallest and largest factor of a fitted noise.
_FACTORS = (0.1, 10.0)


@dataclass(frozen=True)
class MotionNoise:
    """Standard deviations of one motion of the base: a constant part and parts of distance and angle.

    Attributes:
        metres: constant part of the position in the plane.
        metres_per_metre, metres_per_radian: parts of the position.
        radians: constant part of the heading.
        radians_per_metre, radians_per_radian: parts of the heading.
        out_of_plane: standard deviation of height (metres), roll and pitch (radians): a robot on wheels stays on the
            floor. For odometry in space it is as large as the other parts.
    """

    metres: float = 0.001
    metres_per_metre: float = 0.02
    metres_per_radian: float = 0.005
    radians: float = 0.003
    radians_per_metre: float = 0.02
    radians_per_radian: float = 0.05
    out_of_plane: float = 0.001

    def covariance(self, motion: Array, factor: float = 1.0) -> Array:
        """Covariance (6, 6) of x y z rX rY rZ about the axes of the base before the motion (4, 4).

        The standard deviations are multiplied by the factor.
        """
        distance = float(np.linalg.norm(motion[:3, 3]))
        angle = float(se3.rotation_angle(motion[:3, :3]))
        metres = self.metres + self.metres_per_metre * distance + self.metres_per_radian * angle
        radians = self.radians + self.radians_per_metre * distance + self.radians_per_radian * angle
        flat = self.out_of_plane
        return np.diag(np.square([metres, metres, flat, flat, flat, radians]) * factor**2)

    def scaled(self, position: float, heading: float) -> MotionNoise:
        """Return the noise with position and heading multiplied by factors."""
        return replace(
            self,
            metres=self.metres * position,
            metres_per_metre=self.metres_per_metre * position,
            metres_per_radian=self.metres_per_radian * position,
            radians=self.radians * heading,
            radians_per_metre=self.radians_per_metre * heading,
            radians_per_radian=self.radians_per_radian * heading,
        )


def fitted(noise: MotionNoise, motions: Array, adjusted: Array) -> MotionNoise:
    """Scale a noise to the differences between measured motions (M, 4, 4) of the base and adjusted ones (M, 4, 4).

    The median is used: a wheel that slipped for some time does not count.
    """
    if len(motions) < _FEWEST:
        return noise
    position, heading = [], []
    for measured, found in zip(motions, adjusted, strict=True):
        sigma = np.sqrt(np.diag(noise.covariance(measured)))
        off = se3.inverse(measured) @ found
        position.append(float(np.hypot(off[0, 3] / sigma[0], off[1, 3] / sigma[1])))
        heading.append(abs(float(np.arctan2(off[1, 0], off[0, 0]))) / sigma[5])
    factors = np.median(position) / _MEDIAN_2D, np.median(heading) / _MEDIAN_1D
    return noise.scaled(*(float(np.clip(factor, *_FACTORS)) for factor in factors))
