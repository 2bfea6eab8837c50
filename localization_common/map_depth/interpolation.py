"""Depth between points of an image: inverse depth, linear within the triangles of a Delaunay triangulation.

The inverse depth of a plane is linear in the image, so that triangles on a plane are exact. A triangle over a large
part of the image, or between a near and a far point, is no surface: there, depth stays unknown, as outside the points'
convex hull.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay, QhullError

from localization_common.map_depth.seen_points import SeenPoints

Array = npt.NDArray[np.float64]

#: Longest side of a triangle, at depth one, and largest ratio of the depths of its corners.
_LONGEST, _RATIO = 0.5, 1.2


def interpolate(points: SeenPoints, rays: Array) -> Array:
    """Interpolate the depth of points at other rays.

    Args:
        points: points with depth.
        rays: (M, 2) rays at depth one.

    Returns:
        (M,) metres along the optical axis; NaN outside of the triangles that may be surfaces.
    """
    depth = np.full(len(rays), np.nan)
    if len(points) < 3:
        return depth
    try:
        mesh = Delaunay(points.rays)
    except QhullError:  # all points on one line
        return depth
    triangle = mesh.find_simplex(rays)
    inside = np.nonzero((triangle >= 0) & _surfaces(points, mesh.simplices)[triangle])[0]
    triangle = triangle[inside]
    corner = mesh.transform[triangle]
    first = np.einsum("mij,mj->mi", corner[:, :2], rays[inside] - corner[:, 2])
    weights = np.column_stack([first, 1.0 - first.sum(axis=1)])
    depth[inside] = 1.0 / (weights / points.depth[mesh.simplices[triangle]]).sum(axis=1)
    return depth


def _surfaces(points: SeenPoints, corners: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Return which triangles (T, 3) of indices may be surfaces."""
    ends = points.rays[corners]
    longest = np.linalg.norm(ends - np.roll(ends, 1, axis=1), axis=2).max(axis=1)
    depth = points.depth[corners]
    return np.asarray((longest < _LONGEST) & (depth.max(axis=1) < _RATIO * depth.min(axis=1)))
