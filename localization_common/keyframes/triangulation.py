"""Triangulation of points from the rays of several keyframes with known poses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Smallest and largest valid depth of points along the optical axis, metres.
NEAREST, FARTHEST = 0.15, 50.0


def triangulate(rays: Array, camera_T_map: Array, point: Indices, points: int) -> Array:
    """Compute points (P, 3) by linear least squares over all their observations (Hartley and Zisserman, 12.2).

    Args:
        rays: (O, 2) ray of each observation, at depth one.
        camera_T_map: (O, 4, 4) pose of the camera of each observation.
        point: (O,) index of the observed point, 0..points-1.
        points: number of points.
    """
    rows = rays[:, :, None] * camera_T_map[:, None, 2] - camera_T_map[:, :2]
    normal = np.zeros((points, 4, 4))
    np.add.at(normal, point, np.einsum("oki,okj->oij", rows, rows))
    homogeneous = np.linalg.eigh(normal)[1][:, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = homogeneous[:, :3] / homogeneous[:, 3:]
    return np.nan_to_num(found, nan=np.inf, posinf=np.inf, neginf=-np.inf)


def seen_from(points: Array, map_T_camera: Array) -> tuple[Array, Array]:
    """Return rays (O, 2) at depth one, and depths (O,), of points (O, 3) in cameras (O, 4, 4)."""
    local = np.einsum("oji,oj->oi", map_T_camera[:, :3, :3], points - map_T_camera[:, :3, 3])
    depth = local[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return local[:, :2] / depth[:, None], depth


def residuals(points: Array, map_T_camera: Array, rays: Array) -> Array:
    """Return distances (O,) at depth one of observed rays from the points; infinite for points too near or too far."""
    with np.errstate(invalid="ignore"):  # points at infinity
        expected, depth = seen_from(points, map_T_camera)
        off = np.linalg.norm(expected - rays, axis=1)
    return np.where((depth > NEAREST) & (depth < FARTHEST) & np.isfinite(off), off, np.inf)
