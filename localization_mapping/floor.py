"""Floor of a map from its points: a plane below all cameras under which next to nothing lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Number of planes through three points that are tried, and of points that judge them.
_PLANES, _JUDGES = 600, 4000
#: Largest angle between the floor's normal and the guess of up: the mount of a hand-held camera is a rough guess.
_TILT = float(np.radians(35.0))
#: Largest distance of a floor point from the plane, as a share of the cameras' height above it.
_THICKNESS = 0.025
#: Smallest number of floor points, and smallest share of all points.
_FEWEST, _SHARE = 40, 0.03
#: Largest number of points below the floor, as a share of the floor's: reflections and wrong matches lie there.
_BELOW = 0.25
#: Smallest spread (standard deviation) of the floor's points in its narrowest direction, in heights of the cameras.
_SPREAD = 0.25
#: Smallest share of cameras above the plane.
_ABOVE = 0.98


@dataclass(frozen=True)
class Floor:
    """Plane of the floor: points x with ``normal @ x == offset``.

    Attributes:
        normal: (3,) unit vector that points up.
        offset: distance from the origin along the normal, in units of the map.
        points: number of the map's points on it.
    """

    normal: Array
    offset: float
    points: int

    def height(self, points: Array) -> Array:
        """Return heights (N,) of points (N, 3) above the floor."""
        return np.asarray(points @ self.normal - self.offset)


def find_floor(points: Array, cameras: Array, up: Array) -> Floor | None:
    """Find the floor with RANSAC (Fischler and Bolles 1981); always the same one.

    Args:
        points: (P, 3) points of the map, in any unit.
        cameras: (K, 3) positions of the cameras.
        up: (3,) guess of the direction up.

    Returns:
        The floor; None if no plane has enough points, or many points lie below the one that has most.
    """
    level = float(np.median(cameras @ up))
    low = points[points @ up < level]
    if len(low) < _FEWEST:
        return None
    rng = np.random.default_rng(0)
    normals, offsets = _planes(low, up, rng)
    judges = low[rng.permutation(len(low))[:_JUDGES]]
    best, most = None, 0.0
    for normal, offset in zip(normals, offsets, strict=True):
        heights = cameras @ normal - offset
        if (heights > 0.0).mean() < _ABOVE:
            continue
        thickness = _THICKNESS * float(np.median(heights))
        off = judges @ normal - offset
        score = float((np.abs(off) < thickness).sum() - (off < -2.0 * thickness).sum() / _BELOW)
        if score > most:
            best, most = (normal, float(offset)), score
    return None if best is None else _refined(low, len(points), cameras, *best)


def _planes(points: Array, up: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Normals (N, 3) and offsets (N,) of planes through three points (P, 3) each, with a normal near up."""
    corners = points[rng.integers(0, len(points), (_PLANES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals = normals / length[:, None] * np.sign(normals @ up)[:, None]
    near = normals @ up > np.cos(_TILT)  # False for NaN
    return normals[near], np.einsum("ij,ij->i", normals, corners[:, 0])[near]


def _refined(low: Array, points: int, cameras: Array, normal: Array, offset: float) -> Floor | None:
    """Fit the plane to its points; None if it is no clear floor."""
    for _ in range(3):
        height = float(np.median(cameras @ normal - offset))
        on = low[np.abs(low @ normal - offset) < _THICKNESS * height]
        if len(on) < max(_FEWEST, _SHARE * points):
            return None
        middle = on.mean(axis=0)
        _, spread, axes = np.linalg.svd(on - middle, full_matrices=False)
        normal = axes[2] * np.sign(axes[2] @ normal)
        offset = float(normal @ middle)
    height = float(np.median(cameras @ normal - offset))
    below = int((low @ normal - offset < -2.0 * _THICKNESS * height).sum())
    if below > _BELOW * len(on) or spread[1] / np.sqrt(len(on)) < _SPREAD * height:
        return None
    return Floor(normal, offset, len(on))


@dataclass(frozen=True)
class Up:
    """Direction up in a map: unit vector (3,), None for the mean of the base's z axes, and its source in words."""

    direction: Array | None
    source: str


def up_direction(points: Array, map_T_base: Array, map_T_camera: Array) -> Up:
    """Find the direction up without odometry: the floor's normal, else the mean of the bases' z axes.

    Args:
        points: (P, 3) points of the map.
        map_T_base: (K, 4, 4) poses of the base.
        map_T_camera: (K, 4, 4) poses of the cameras.
    """
    mean = map_T_base[:, :3, 2].mean(axis=0)
    length = float(np.linalg.norm(mean))
    mean = mean / length if length > 1e-6 else map_T_base[0, :3, 2]
    floor = find_floor(points, map_T_camera[:, :3, 3], mean)
    if floor is None:
        return Up(mean, "up is the mean of the base's z axes, which rests on the mount: no clear floor is seen")
    degrees = float(np.degrees(np.arccos(np.clip(floor.normal @ mean, -1.0, 1.0))))
    differs = f"the mount's up differs by {degrees:.1f} degrees"
    return Up(floor.normal, f"up is the normal of the floor, a plane of {floor.points} points; {differs}")
