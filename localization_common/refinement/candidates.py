"""Candidates for matches: points of the map that the image should show, and their rays, from a prior pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.triangulation import NEAREST

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Candidates:
    """Points that should be visible.

    Attributes:
        point: (C,) indices of the points in the map, increasing.
        appearance: (A,) indices of their appearances that fit the direction and the distance.
        first: (C,) index in ``appearance`` of each point's first one.
        rays: (C, 2) expected rays at depth one.
        precision: (C, 2, 2) inverse covariances of these rays.
    """

    point: Indices
    appearance: Indices
    first: Indices
    rays: Array
    precision: Array


def field_of_view(camera: Camera, lens: LensCorrection) -> Array:
    """Return the smallest and the largest coordinates (2, 2) of a camera's true rays at depth one."""
    u, v = np.meshgrid(np.linspace(-0.5, camera.width - 0.5, 33), np.linspace(-0.5, camera.height - 0.5, 33))
    pixels = np.column_stack([u.ravel(), v.ravel()])
    rays = camera.rays(pixels)
    # A wide lens does not reach the corners of the image; there, projecting the ray again gives another pixel.
    reached = rays[np.linalg.norm(camera.project(rays) - pixels, axis=1) < 0.5]
    true = lens.undistort(reached)
    return np.stack([true.min(axis=0), true.max(axis=0)])


def candidates(
    keyframe_map: KeyframeMap,
    view: Array,
    map_T_camera: Array,
    covariance: Array,
    *,
    gate: float,
    noise: float,
    view_degrees: float,
    view_scale: float,
) -> Candidates:
    """Return the points in the view whose appearances fit the direction and the distance.

    Args:
        keyframe_map: map of the points.
        view: (2, 2) result of `field_of_view`.
        map_T_camera: (4, 4) prior pose in the adjusted map.
        covariance: (6, 6) covariance of the prior, x y z rX rY rZ about the map's axes.
        gate: standard deviations by which a point may lie outside the image.
        noise: standard deviation of a ray at depth one.
        view_degrees: largest angle to the direction of an appearance.
        view_scale: largest ratio of the distances of the point and of an appearance.
    """
    near, rows, owner = keyframe_map.tiles.near(map_T_camera, view_scale=view_scale, nearest=NEAREST)
    sight = keyframe_map.points[near] - map_T_camera[:3, 3].astype(np.float32)
    local = sight @ map_T_camera[:3, :3].astype(np.float32)
    # Directions and distances first: they are cheap, and leave few points whose gates are computed.
    agrees = (local[:, 2] > NEAREST)[owner]
    rows, owner = rows[agrees], owner[agrees]
    toward = sight[owner]
    metres = np.linalg.norm(toward, axis=1)
    agrees = (keyframe_map.directions[rows] * toward).sum(axis=1) > np.cos(np.radians(view_degrees)) * metres
    agrees &= np.abs(np.log(metres / keyframe_map.ranges[rows])) < np.log(view_scale)
    rows, owner = rows[agrees], owner[agrees]
    shown = np.unique(owner)
    rays = local[shown, :2] / local[shown, 2:]
    precision, reach = _gates(sight[shown], local[shown], map_T_camera, covariance, noise)
    seen = ((rays > view[0] - gate * reach) & (rays < view[1] + gate * reach)).all(axis=1)
    kept = np.zeros(len(near), dtype=np.bool_)
    kept[shown[seen]] = True
    rows, owner = rows[kept[owner]], owner[kept[owner]]
    point, first = np.unique(owner, return_index=True)
    return Candidates(near[point], rows, first, rays[seen].astype(np.float64), precision[seen])


def _gates(sight: Floats, local: Floats, map_T_camera: Array, covariance: Array, noise: float) -> tuple[Array, Array]:
    """Return inverse covariances (C, 2, 2) of the expected rays, and their standard deviations (C, 2)."""
    jacobian = ray_jacobian(sight, local, map_T_camera[:3, :3])
    spread = jacobian @ covariance @ jacobian.transpose(0, 2, 1) + noise**2 * np.eye(2)
    return np.asarray(np.linalg.inv(spread), dtype=np.float64), np.sqrt(np.einsum("cii->ci", spread))


def ray_jacobian(sight: Floats, local: Floats, rotation: Array) -> Array:
    """Return the Jacobian (C, 2, 6) of rays at depth one by the camera's position and rotation about the map's axes.

    Args:
        sight: (C, 3) vectors from the camera to the points, in the map's axes.
        local: (C, 3) the same vectors in the camera's axes.
        rotation: (3, 3) map_R_camera.
    """
    depth = local[:, 2].astype(np.float64)
    by_local = np.zeros((len(local), 2, 3))
    by_local[:, 0, 0] = by_local[:, 1, 1] = 1.0 / depth
    by_local[:, :, 2] = -local[:, :2] / depth[:, None] ** 2
    by_sight = by_local @ rotation.T
    # local = R^T exp(-w) sight: a rotation by w changes it by R^T (sight x w)
    return np.concatenate([-by_sight, by_sight @ se3.cross_matrix(sight)], axis=2)
