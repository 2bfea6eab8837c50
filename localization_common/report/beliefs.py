"""Heat maps of particle beliefs, as in figures 5 and 6 of the DMN paper.

Weights are added up over all yaw values; darker red is more probable. Context poses are green, the true pose is blue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from localization_common.report.style import BELIEF, BELIEF_MAP, CONTEXT_POSE, PAPER, TRUE_POSE, house_style

Array = npt.NDArray[np.float64]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class BeliefPicture:
    """Belief at one moment.

    Attributes:
        density: (ny, nx) per square metre, row 0 at the smallest y (as in nav_msgs/OccupancyGrid).
        true_pose: (3,) x, y, yaw of the robot, or None.
        caption: text with the moment.
        estimate: (3,) pose that was published, or None.
    """

    density: Array
    true_pose: Array | None
    caption: str
    estimate: Array | None = None


def density(particles: Array, weights: Array, bounds: Bounds, *, cell: float = 0.1) -> Array:
    """Belief per square metre (ny, nx) of particles (K, 2 or more) with weights (K,) that sum to 1; yaw is ignored.

    Args:
        particles: x, y and further columns.
        weights: weights of the particles.
        bounds: min_x, min_y, max_x, max_y in metres; particles outside are left out.
        cell: size of the square cells, metres.
    """
    min_x, min_y, max_x, max_y = bounds
    nx, ny = max(1, round((max_x - min_x) / cell)), max(1, round((max_y - min_y) / cell))
    counts, _, _ = np.histogram2d(
        particles[:, 1], particles[:, 0], bins=(ny, nx), range=((min_y, max_y), (min_x, max_x)), weights=weights
    )
    return np.asarray(counts) / cell**2


def smoothed(heat: Array, bounds: Bounds, blur: float = 0.15) -> Array:
    """Density (ny, nx), smoothed by a Gaussian of this standard deviation, metres; the sum stays the same."""
    cell = (bounds[2] - bounds[0]) / heat.shape[1]
    return np.asarray(cv2.GaussianBlur(heat, (0, 0), blur / cell, borderType=cv2.BORDER_REFLECT))


def belief_maps(
    pictures: Sequence[BeliefPicture], contexts: Array, bounds: Bounds, *, columns: int = 3, title: str = ""
) -> Figure:
    """Heat maps side by side, each with the context poses (N, 3) and the true pose."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    # One scale for all: else a uniform belief would look as dark as a certain one. The power keeps thin beliefs
    # visible.
    heats = [smoothed(picture.density, bounds) for picture in pictures]
    norm = PowerNorm(0.4, vmin=0.0, vmax=max(float(heat.max()) for heat in heats) or 1.0)
    aspect = (bounds[3] - bounds[1]) / (bounds[2] - bounds[0])
    with house_style():
        figure = Figure(figsize=(10.0, 9.0 / columns * aspect * rows + 0.4 * rows + 0.7), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, picture, heat in zip(grid.flat, pictures, heats, strict=False):
            extent = (bounds[0], bounds[2], bounds[1], bounds[3])
            drawn = axes.imshow(heat, origin="lower", extent=extent, cmap=BELIEF_MAP, norm=norm, zorder=1)
            _draw_poses(axes, picture, contexts, bounds)
        for axes in grid.flat[len(pictures) :]:
            axes.set_visible(False)
        for axes in grid[-1]:
            axes.set_xlabel("x [m]")
        for axes in grid[:, 0]:
            axes.set_ylabel("y [m]")
        bar = figure.colorbar(drawn, ax=grid, shrink=0.9, aspect=35, pad=0.01)
        bar.set_label("belief over all yaw [1/m²]")
        figure.legend(handles=_handles(len(contexts) > 0), loc="outside lower center", ncols=3)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _draw_poses(axes: Axes, picture: BeliefPicture, contexts: Array, bounds: Bounds) -> None:
    min_x, min_y, max_x, max_y = bounds
    _arrows(axes, contexts, CONTEXT_POSE, 0.05 * (max_x - min_x))
    if picture.true_pose is not None:
        _arrows(axes, picture.true_pose[None], TRUE_POSE, 0.08 * (max_x - min_x), width=0.016)
    if picture.estimate is not None:
        _arrows(axes, picture.estimate[None], BELIEF, 0.08 * (max_x - min_x))
    axes.set_title(picture.caption, fontweight="normal", fontsize=10)
    axes.set(xlim=(min_x, max_x), ylim=(min_y, max_y), aspect="equal")
    axes.grid(False)


def _arrows(axes: Axes, poses: Array, color: str, length: float, *, width: float = 0.008) -> None:
    if len(poses) == 0:
        return
    dx, dy = length * np.cos(poses[:, 2]), length * np.sin(poses[:, 2])
    axes.quiver(
        poses[:, 0],
        poses[:, 1],
        dx,
        dy,
        angles="xy",
        scale_units="xy",
        scale=1.0,
        width=width,
        color=color,
        edgecolor=PAPER,
        linewidth=0.5,
        zorder=3,
    )


def _handles(with_contexts: bool) -> list[Line2D]:
    def arrow(color: str, label: str) -> Line2D:
        return Line2D([], [], color=color, marker=r"$\rightarrow$", markersize=14, linestyle="none", label=label)

    shown = [arrow(TRUE_POSE, "true pose"), arrow(BELIEF, "published pose")]
    return [*shown, arrow(CONTEXT_POSE, "context views of the map")] if with_contexts else shown
