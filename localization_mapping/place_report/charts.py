"""Figures of a place's report (matplotlib): residuals, corrections of the odometry, and headings seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from localization_common.report.drive_tracks import break_at_pauses
from localization_common.report.style import ERROR_ANGLE, GRID, INK, MUTED, ODOMETRY, POSE, house_style
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.grid import OccupancyGrid
from localization_mapping.place_report.corrections import Corrections
from localization_mapping.place_report.coverage import SECTORS, Coverage
from localization_mapping.place_report.plan import drive_color
from localization_mapping.place_report.stretches import FEW_POINTS, Stretch, Weakness, length_unit, seconds_of

Array = npt.NDArray[np.float64]

_WIDTH = 8.6
_SHADES = {Weakness.NOT_LOCATED: ODOMETRY, Weakness.ODOMETRY_ONLY: ERROR_ANGLE, Weakness.BLURRED: MUTED}


def residuals(place: MappedPlace, stretches: list[Stretch]) -> Figure:
    """Residual and number of points of every frame, two rows for each drive; weak stretches are shaded."""
    with house_style():
        figure = Figure(figsize=(_WIDTH, 2.7 * len(place.drives) + 0.3), layout="constrained")
        grid = figure.subplots(2 * len(place.drives), 1, squeeze=False)[:, 0]
        for number, drive in enumerate(place.drives):
            upper, lower = grid[2 * number : 2 * number + 2]
            lower.sharex(upper)
            seconds = seconds_of(drive)
            seen = drive.located & (drive.inliers > 0)
            upper.plot(seconds, np.where(seen, drive.residual, np.nan), ".", color=POSE, markersize=3)
            lower.plot(seconds, np.where(drive.located, drive.inliers, np.nan), ".", color=INK, markersize=3)
            lower.axhline(FEW_POINTS, color=MUTED, linewidth=0.8, linestyle=":")
            upper.set_title(drive.sequence.name)
            upper.set_ylabel("residual [px]")
            lower.set_ylabel("points")
            lower.set_xlabel("time [s]")
            for axes in (upper, lower):
                axes.set_ylim(bottom=0.0)
                axes.set_xlim(seconds[0], max(float(seconds[-1]), 1e-3))
                _shade(
                    axes, [s for s in stretches if s.drive == number], float(np.median(np.diff(seconds, append=0.1)))
                )
    return figure


def _shade(axes: Axes, stretches: list[Stretch], frame: float) -> None:
    for stretch in stretches:
        if stretch.weakness in _SHADES:
            axes.axvspan(
                stretch.start - frame / 2,
                stretch.end + frame / 2,
                color=_SHADES[stretch.weakness],
                alpha=0.25,
                linewidth=0,
            )


def corrections(place: MappedPlace, found: dict[int, Corrections]) -> Figure:
    """Distance in metres and degrees between adjusted poses and odometry over the way, one line for each drive."""
    unit = length_unit(place)
    with house_style():
        figure = Figure(figsize=(_WIDTH, 3.8), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for number, one in found.items():
            for axes, values in ((upper, one.metres), (lower, one.degrees)):
                way, broken = break_at_pauses(one.way, values, factor=50.0)
                axes.plot(way, broken, color=drive_color(number), label=place.drives[number].sequence.name)
        upper.set_ylabel(f"moved [{unit}]")
        lower.set_ylabel("turned [deg]")
        lower.set_xlabel(f"way from the start of the drive [{unit}]")
        for axes in (upper, lower):
            axes.set_ylim(bottom=0.0)
        upper.legend(loc="upper left", ncols=4)
    return figure


def headings(coverage: Coverage, grid: OccupancyGrid | None, unit: str) -> Figure:
    """Headings of the camera in each cell as sectors of a disc; cells in one direction only have another colour."""
    low, high = coverage.middles.min(axis=0) - 2 * coverage.cell, coverage.middles.max(axis=0) + 2 * coverage.cell
    height = float(np.clip((high - low)[1] / (high - low)[0], 0.3, 1.4)) * (_WIDTH - 0.6) + 0.6
    with house_style():
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        if grid is not None:
            min_x, min_y, max_x, max_y = grid.area.bounds
            shade = np.select([grid.free, grid.occupied], [1.0, 0.3], 0.9)
            axes.imshow(shade, cmap="gray", vmin=0, vmax=1, origin="lower", extent=(min_x, max_x, min_y, max_y))
        turn = 360.0 / SECTORS
        for chosen, color in ((~coverage.one_way, POSE), (coverage.one_way, ODOMETRY)):
            wedges = [
                Wedge(tuple(middle), 0.46 * coverage.cell, -180.0 + turn * sector, -180.0 + turn * (sector + 1))
                for middle, seen in zip(coverage.middles[chosen], coverage.seen[chosen], strict=True)
                for sector in np.nonzero(seen)[0].tolist()
            ]
            axes.add_collection(PatchCollection(wedges, facecolor=color, edgecolor="none", alpha=0.8))
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axes.set(xlabel=f"x [{unit}]", ylabel=f"y [{unit}]")
        axes.grid(color=GRID)
    return figure
