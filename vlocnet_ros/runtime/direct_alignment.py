"""Direct alignment of two frames: refine the odometry until the images agree. An addition to the paper.

The warping layer computes the position of each current pixel in the previous frame, from predicted depth and predicted
motion. With the correct depth and motion, the two images agree there. Gauss-Newton changes the motion until they do, as
in direct RGB-D odometry (Kerl et al., Robust Odometry Estimation for RGB-D Cameras, ICRA 2013). The regressed motion is
the start and the prior. Both frames are warped onto each other, so errors of each depth have half the weight.

It has no weights and is no part of the network: a few thousand points are too few for a network's library, whose calls
took longer than the arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry import se3
from vlocnet_ros.runtime.image_pyramid import LevelCamera, PyramidLevel, pyramid
from vlocnet_ros.runtime.warped_pair import WarpedPair

Array = npt.NDArray[np.float64]
View = tuple[PyramidLevel, ...]

#: Largest distance from the regressed motion, in standard deviations; an alignment beyond it has diverged.
GATE = 6.0
#: A step that moves the pixels of a coarse resolution by less than this is the last one there.
SETTLED = 0.1


class DirectAlignment:
    """Gauss-Newton on grey values, from coarse to fine.

    Args:
        camera: camera of the network's input.
        iterations: number of iterations at full resolution, and largest number at half, at a quarter, ...
        prior_std: (6,) standard deviation of the regressed motion, x y z in metres and rX rY rZ in radians about the
            previous optical frame's axes; the training command measures it.
    """

    def __init__(self, camera: Camera, iterations: tuple[int, ...], prior_std: npt.ArrayLike) -> None:
        self._camera, self._iterations = camera, iterations
        self._information = np.asarray(prior_std, dtype=np.float64) ** -2
        self._prior = np.diag(self._information)
        self._levels = [LevelCamera.of(camera, level) for level in range(len(iterations))]

    def view(self, grey: npt.NDArray[np.float32], depth: npt.NDArray[np.float32]) -> View:
        """Image pyramid of a frame, the input of `align`: grey values (H, W), 0..1, and depth (H, W), metres."""
        return pyramid(grey, depth, self._camera, len(self._iterations))

    def align(self, current: View, previous: View, regressed: Array) -> Array:
        """Refine the pose (4, 4) of the current camera in the previous optical frame.

        Returns:
            The refined pose (4, 4); the regressed one where the alignment diverged.
        """
        motion = regressed
        for level in reversed(range(len(self._iterations))):
            pair = WarpedPair(current[level], previous[level], self._levels[level])
            for _ in range(self._iterations[level]):
                step = self._step(motion, regressed, *pair.equations(motion))
                motion = _moved(motion, step)
                if level > 0 and pair.pixels(step) < SETTLED:
                    break
        moved = _difference(motion, regressed)
        near = np.isfinite(moved).all() and np.mean(np.square(moved) * self._information) < GATE**2
        return se3.nearest_rigid(motion) if near else regressed

    def _step(self, motion: Array, regressed: Array, normal: Array, gradient: Array) -> Array:
        """Solve the images' equations (6, 6), (6,) with the prior: a Gauss-Newton step, x y z rX rY rZ (6,)."""
        prior = _difference(motion, regressed) * self._information
        try:
            step = np.asarray(-np.linalg.solve(normal + self._prior, gradient + prior), dtype=np.float64)
        except np.linalg.LinAlgError:  # not finite
            return np.full(6, np.nan)
        step[3:] /= max(1.0, math.hypot(*step[3:]))  # at most one radian
        return step


def _moved(motion: Array, step: Array) -> Array:
    """Return the motion (4, 4) after a step (6,), which rotates by the normalised quaternion (1, turn / 2)."""
    turn = step[3:]
    cross = se3.cross_matrix(turn)
    moved = motion.copy()
    moved[:3] += (cross + 0.5 * cross @ cross) @ motion[:3] / (1.0 + 0.25 * turn @ turn)
    moved[:3, 3] += step[:3]
    return moved


def _difference(motion: Array, regressed: Array) -> Array:
    """Return x y z rX rY rZ (6,) from the regressed motion to another, with small rotations, about the same axes."""
    turned = motion[:3, :3] @ regressed[:3, :3].T
    skew = turned - turned.T
    shift = motion[:3, 3] - regressed[:3, 3]
    return np.array([*shift, 0.5 * skew[2, 1], 0.5 * skew[0, 2], 0.5 * skew[1, 0]])
