"""Noise of a robot's odometry between keyframes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]


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

    def covariance(self, motion: Array) -> Array:
        """Covariance (6, 6) of x y z rX rY rZ about the axes of the base before the motion (4, 4)."""
        distance = float(np.linalg.norm(motion[:3, 3]))
        angle = float(se3.rotation_angle(motion[:3, :3]))
        metres = self.metres + self.metres_per_metre * distance + self.metres_per_radian * angle
        radians = self.radians + self.radians_per_metre * distance + self.radians_per_radian * angle
        flat = self.out_of_plane
        return np.diag(np.square([metres, metres, flat, flat, flat, radians]))

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
