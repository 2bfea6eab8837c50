"""Shapes of the viewer's scene: arrows, particles, ellipses, the floor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import rerun as rr

from deep_localization.viewer import entities

Array = npt.NDArray[np.float64]
Color = tuple[int, int, int]

#: Number of corners of an ellipse.
_CORNERS = 48
#: Length of a particle's line, metres.
_PARTICLE = 0.12
#: Heights above the floor, metres, so that shapes do not hide each other.
_FLOOR, _PARTICLES_HEIGHT, _ELLIPSE_LIFT = -0.02, 0.01, 0.03
#: RGB of unknown, free and occupied cells.
_UNKNOWN, _FREE, _OCCUPIED = entities.BACKGROUND, (88, 94, 102), (225, 200, 150)


def arrows(poses: Array, length: float, color: Color, *, height: float = 0.0) -> rr.Arrows3D:
    """Arrows of planar poses (N, 3) x, y, yaw along their headings, in metres."""
    heights = np.full(len(poses), height)
    origins = np.column_stack([poses[:, 0], poses[:, 1], heights])
    vectors = length * np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2]), np.zeros(len(poses))])
    return rr.Arrows3D(origins=origins, vectors=vectors, colors=[color], radii=[0.05 * length])


def particles(poses: Array, weights: Array) -> rr.LineStrips3D:
    """Lines of planar particles (K, 3) along their headings; heavier ones of weights (K,) are brighter."""
    tails = np.column_stack([poses[:, 0], poses[:, 1], np.full(len(poses), _PARTICLES_HEIGHT)])
    steps = _PARTICLE * np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2]), np.zeros(len(poses))])
    shares = weights / max(float(weights.max(initial=0.0)), 1e-300)
    bright = 0.35 + 0.65 * np.sqrt(shares)
    colors = np.column_stack([255 * bright, 190 * bright, 60 * bright]).astype(np.uint8)
    return rr.LineStrips3D(np.stack([tails, tails + steps], axis=1), colors=colors, radii=[rr.Radius.ui_points(1.2)])


def ellipse(position: Array, covariance: Array) -> Array:
    """Closed line (K, 3) at two standard deviations around a position (3,), of the covariance (2, 2) of x and y."""
    variances, axes = np.linalg.eigh(covariance)
    angles = np.linspace(0.0, 2.0 * np.pi, _CORNERS + 1)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    around = 2.0 * axes @ (np.sqrt(np.maximum(variances, 0.0))[:, None] * circle)
    return np.column_stack(
        [position[0] + around[0], position[1] + around[1], np.full(len(angles), position[2] + _ELLIPSE_LIFT)]
    )


def floor(cells: npt.NDArray[np.int8], origin: tuple[float, float], resolution: float) -> rr.Mesh3D:
    """Floor with an occupancy grid (rows, columns), row 0 at the smallest y, as a picture."""
    picture = np.empty((*cells.shape, 3), np.uint8)
    picture[:] = _UNKNOWN
    picture[(cells >= 0) & (cells < 50)] = _FREE
    picture[cells >= 50] = _OCCUPIED
    (x, y), (rows, columns) = origin, cells.shape
    right, top = x + columns * resolution, y + rows * resolution
    corners = [[x, y, _FLOOR], [right, y, _FLOOR], [right, top, _FLOOR], [x, top, _FLOOR]]
    return rr.Mesh3D(
        vertex_positions=corners,
        triangle_indices=[[0, 1, 2], [0, 2, 3]],
        vertex_texcoords=[[0, 0], [1, 0], [1, 1], [0, 1]],  # row 0 of the picture is at the smallest y
        albedo_texture=picture,
    )


def series() -> Iterator[tuple[str, str, Color]]:
    """Entity, name and colour of each line of the plots."""
    for source in (entities.VLOCNET, entities.DMN):
        color = entities.COLORS[source]
        pale: Color = ((color[0] + 160) // 2, (color[1] + 160) // 2, (color[2] + 160) // 2)
        for plot in (entities.POSITION_ERROR, entities.HEADING_ERROR, entities.QUALITY):
            yield f"{plot}/{source}", source, color
        yield f"{entities.POSITION_ERROR}/{source}_two_sigma", f"{source}, 2 sigma", pale
