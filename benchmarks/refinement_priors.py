"""Priors of the refinement: vlocnet's poses, dmn's beliefs, and guesses that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dmn_ros.filter.clusters import Cluster, densest_cluster, near
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar, se3
from localization_common.geometry.odometry_integration import OdometryIntegrator, PlanarOdometry, shift_covariance
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.perturbation import isotropic, moved_by
from localization_common.refinement.refiner import Guess
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import guesses_of, motion_of
from vlocnet_ros.runtime.replay import replay

Array = npt.NDArray[np.float64]

#: Largest number of clusters of a belief that become guesses, and their smallest share of the weight.
MODES, LEAST_SHARE = 3, 0.1
#: Standard deviations of the height (metres), and of roll and pitch (radians), which a planar belief does not have.
_HEIGHT, _TILT = 0.01, float(np.radians(0.5))


@dataclass(frozen=True)
class FramePrior:
    """Prior of one frame.

    Attributes:
        own: pose map_T_camera (4, 4) that is used without refinement.
        covariance: covariance (6, 6) of `own` about the map's axes; NaN if it is not published.
        guesses: guesses for the refinement.
        motion: motion since the previous frame; None without odometry.
    """

    own: Array
    covariance: Array
    guesses: tuple[Guess, ...]
    motion: Motion | None


def from_vlocnet(checkpoint: Path, sequence: Sequence, *, fuse: bool = True) -> list[FramePrior]:
    """Priors from vlocnet: the fused poses of the node, or the pose of each frame alone."""
    localizer = Localizer.from_checkpoint(checkpoint, fuse=fuse)
    nothing = np.full((6, 6), np.nan)
    priors = [FramePrior(np.eye(4), nothing, (), None)]
    for frame in replay(localizer, sequence):
        estimate = frame.estimate
        if estimate is None:
            priors.append(FramePrior(priors[-1].own, nothing, (), None))
            continue
        guesses = guesses_of(estimate)
        covariance = estimate.covariance if guesses else nothing
        priors.append(FramePrior(estimate.map_T_camera, covariance, guesses, motion_of(estimate)))
    return priors[1:]


def from_dmn(checkpoint: Path, context_map: Path, sequence: Sequence, moved: Many[FramePrior]) -> list[FramePrior]:
    """Priors from the densest clusters of dmn's belief, which starts uniform and is moved by vlocnet's odometry."""
    localizer = DmnLocalizer.from_files(checkpoint, context_map)
    localizer.set_camera(sequence.camera)
    localizer.reset_uniform()
    integrator, flat, priors = OdometryIntegrator(), PlanarOdometry(), []
    for position, (stamp, before) in enumerate(zip(sequence.stamps.tolist(), moved, strict=True)):
        motion = None if before.motion is None else before.motion.previous_T_camera
        odometry = flat.step(integrator.step(stamp, motion, None, sequence.base_T_camera).odom_T_base)
        belief = localizer.step(sequence.read_image(position), stamp, odometry)
        config = localizer.filter_config
        modes = _modes(belief.particles, belief.weights, radius_d=config.cluster_d, radius_a=config.cluster_a)
        guesses = tuple(_lifted(mode.pose, mode.covariance, sequence.base_T_camera) for mode in modes)
        own = _lifted(belief.most_likely, belief.pose_covariance, sequence.base_T_camera)
        published = own.covariance if belief.localized else np.full((6, 6), np.nan)
        priors.append(FramePrior(own.map_T_camera, published, guesses, before.motion))
    return priors


def from_odometry(sequence: Sequence) -> list[FramePrior]:
    """Priors with the recorded odometry and without guesses."""
    assert sequence.odom_T_base is not None
    base_T_camera, covariance = sequence.base_T_camera, isotropic(0.02, float(np.radians(0.5)))
    odom_T_camera = sequence.odom_T_base @ base_T_camera
    moved = [Motion(m, covariance) for m in se3.inverse(odom_T_camera[:-1]) @ odom_T_camera[1:]]
    return [FramePrior(np.eye(4), np.full((6, 6), np.nan), (), motion) for motion in (None, *moved)]


def as_guesses(priors: Many[FramePrior], *poses: Array) -> list[FramePrior]:
    """Replace the guesses by these poses (N, 4, 4), the most likely first, with the covariance of a good network."""
    covariance = isotropic(0.05, float(np.radians(1.0)))
    return [
        replace(prior, guesses=tuple(Guess(places[row], covariance) for places in poses))
        for row, prior in enumerate(priors)
    ]


def shifted(
    priors: Many[FramePrior], metres: float, degrees: float, generator: np.random.Generator
) -> list[FramePrior]:
    """Shift the guesses in random directions, without a change of their covariances."""

    def off(guess: Guess) -> Guess:
        directions = generator.normal(size=(2, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        twist = np.concatenate([metres * directions[0], np.radians(degrees) * directions[1]])
        return replace(guess, map_T_camera=moved_by(guess.map_T_camera, twist))

    return [replace(prior, guesses=tuple(off(guess) for guess in prior.guesses)) for prior in priors]


def elsewhere(
    priors: Many[FramePrior], truth: Array, places: Array, metres: float, generator: np.random.Generator
) -> list[FramePrior]:
    """Replace the guesses by random poses (K, 4, 4) that are at least ``metres`` away from the true ones."""
    found = []
    for prior, pose in zip(priors, truth, strict=True):
        far = np.nonzero(np.linalg.norm(places[:, :3, 3] - pose[:3, 3], axis=1) >= metres)[0]
        place = places[generator.choice(far)]
        found.append(replace(prior, guesses=tuple(replace(guess, map_T_camera=place) for guess in prior.guesses)))
    return found


def _modes(particles: Array, weights: Array, *, radius_d: float, radius_a: float) -> list[Cluster]:
    """Find the densest cluster, then the densest one of the remaining particles, and so on."""
    found = []
    for _ in range(MODES):
        total = weights.sum()
        if total < LEAST_SHARE:
            break
        mode = densest_cluster(particles, weights / total, radius_d=radius_d, radius_a=radius_a)
        if mode.share * total < LEAST_SHARE:
            break
        found.append(mode)
        left = ~near(mode.pose, particles, radius_d=radius_d, radius_a=radius_a)
        particles, weights = particles[left], weights[left]
    return found


def _lifted(pose: Array, covariance: Array, base_T_camera: Array) -> Guess:
    """Convert a planar pose (3,) of the base with its covariance (3, 3) to a guess for the camera."""
    map_T_base = planar.to_se3(pose)
    full = np.diag([0.0, 0.0, _HEIGHT**2, _TILT**2, _TILT**2, 0.0])
    full[np.ix_([0, 1, 5], [0, 1, 5])] = covariance
    lever = map_T_base[:3, :3] @ base_T_camera[:3, 3]
    return Guess(map_T_base @ base_T_camera, shift_covariance(full, lever))
