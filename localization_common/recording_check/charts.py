"""Figures of a recording's findings (matplotlib): way, place, quality over time, histograms, sample frames."""

from __future__ import annotations

from collections.abc import Sequence as Collection

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from localization_common.datasets.sequence import Image, Sequence
from localization_common.recording_check.drive_coverage import SECTORS, cell_of, headings_of_cells, plan_of
from localization_common.recording_check.motion import Steps
from localization_common.recording_check.odometry_findings import Segments
from localization_common.recording_check.picture_findings import BLURRED, DARK_MEAN
from localization_common.recording_check.rates import GAP
from localization_common.recording_check.samples import PictureSample
from localization_common.report.drive_tracks import AXES, plan_axes
from localization_common.report.style import BELIEF, ERROR_ANGLE, GRID, INK, MUTED, ODOMETRY, POSE, house_style

Array = npt.NDArray[np.float64]

_WIDTH = 9.6
_GAP_COLOUR, _JUMP_COLOUR = ODOMETRY, BELIEF


def way(sequence: Sequence, sample: PictureSample, jump_frames: Collection[int]) -> Figure:
    """Way of the camera from above, coloured by time and by blur; gaps in time and jumps are marked."""
    plane, _ = plan_of(sequence)
    first, second = (AXES[axis] for axis in plan_axes(sequence.map_T_camera[sequence.has_pose][:, :3, 3]))
    seconds = (sequence.stamps[sequence.has_pose] - sequence.stamps[0]) * 1e-9
    rows = np.cumsum(sequence.has_pose) - 1
    shown = sequence.has_pose[sample.positions]
    judged = rows[sample.positions[shown]]
    with house_style():
        figure = Figure(figsize=(_WIDTH, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, where, values, label in (
            (left, plane, seconds, "time [s]"),
            (right, plane[judged], sample.blur[shown], "blur (0 sharp .. 1)"),
        ):
            axes.plot(*plane.T, color=GRID, linewidth=1.0, zorder=1)
            limits = {} if axes is left else {"vmin": 0.2, "vmax": 0.8}
            drawn = axes.scatter(
                *where.T, c=values, s=9, cmap="viridis" if axes is left else "inferno", zorder=2, **limits
            )
            figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.85, pad=0.02).set_label(label)
            axes.set_aspect("equal", adjustable="datalim")
            axes.set_xlabel(f"{first} [m]")
        left.set_ylabel(f"{second} [m]")
        _mark(left, plane, seconds, sequence, jump_frames)
    return figure


def _mark(axes: Axes, plane: Array, seconds: Array, sequence: Sequence, jump_frames: Collection[int]) -> None:
    """Mark the start, gaps between images with a pose, and jumps."""
    axes.plot(*plane[0], "o", color=INK, markersize=8, markerfacecolor="none", label="start")
    steps = np.diff(seconds)
    for number, gap in enumerate(np.nonzero(steps > GAP * np.median(steps))[0] if len(steps) else ()):
        label = "gap (no image, or no pose)" if number == 0 else None
        axes.plot(*plane[gap : gap + 2].T, color=_GAP_COLOUR, linewidth=2.5, label=label, zorder=3)
    numbers = sequence.frame_numbers[sequence.has_pose]
    for number, frame in enumerate(jump_frames):
        row = min(int(np.searchsorted(numbers, frame)), len(plane) - 1)
        label = "jump" if number == 0 else None
        axes.plot(*plane[row], "X", color=_JUMP_COLOUR, markersize=10, label=label, zorder=4)
    axes.legend(loc="upper left", fontsize=8, frameon=True, framealpha=0.8, edgecolor="none")


def place(sequence: Sequence) -> Figure:
    """Cells of the place with the number of headings that were seen from each, and the camera's headings."""
    plane, headings = plan_of(sequence)
    cell = cell_of(plane)
    corners, counts = headings_of_cells(plane, headings)
    first, second = (AXES[axis] for axis in plan_axes(sequence.map_T_camera[sequence.has_pose][:, :3, 3]))
    with house_style():
        figure = Figure(figsize=(_WIDTH, 4.6), layout="constrained")
        axes = figure.add_subplot()
        patches = PatchCollection([Rectangle(corner, cell, cell) for corner in corners], cmap="YlGn", zorder=1)
        patches.set_array(counts)
        patches.set_clim(0, SECTORS)
        axes.add_collection(patches)
        every = max(1, len(plane) // 150)
        arrows = np.stack([np.cos(headings), np.sin(headings)], axis=1)[::every]
        axes.quiver(*plane[::every].T, *arrows.T, color=POSE, angles="xy", width=0.002, scale=45, zorder=2)
        figure.colorbar(patches, ax=axes, shrink=0.8).set_label(f"headings seen, of {SECTORS}")
        axes.set_aspect("equal", adjustable="datalim")
        axes.autoscale_view()
        axes.set(xlabel=f"{first} [m]", ylabel=f"{second} [m]")
    return figure


def over_time(sequence: Sequence, sample: PictureSample, steps: Steps, segments: Segments | None) -> Figure:
    """Blur, brightness, time between images, speed and turning, and the odometry's scale along the drive."""
    start = sequence.stamps[0]
    at = (sequence.stamps[sample.positions] - start) * 1e-9
    middles = (sequence.stamps[1:] - start) * 1e-9
    panels: list[tuple[str, Array, Array, str, float | None]] = [
        ("blur", at, sample.blur, POSE, BLURRED),
        ("brightness", at, sample.brightness, ERROR_ANGLE, DARK_MEAN),
        (
            "time step [s]",
            middles,
            steps.seconds,
            MUTED,
            GAP * float(np.median(steps.seconds)) if len(middles) else None,
        ),
    ]
    if steps.known.any():
        panels.append(("speed [m/s]", middles, steps.metres / steps.seconds, POSE, None))
        panels.append(("turning [deg/s]", middles, steps.degrees / steps.seconds, ERROR_ANGLE, None))
    if segments is not None and np.isfinite(segments.scales).any():
        panels.append(("odometry's scale", (segments.starts + segments.ends) / 2, segments.scales, ODOMETRY, 1.0))
    with house_style():
        figure = Figure(figsize=(_WIDTH, 1.25 * len(panels) + 0.5), layout="constrained")
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, times, values, color, bound) in zip(grid, panels, strict=True):
            axes.plot(times, values, ".", markersize=3, color=color)
            if bound is not None:
                axes.axhline(bound, color=INK, linewidth=0.8, linestyle=":")
            axes.set_ylabel(label, fontsize=8.5)
            axes.ticklabel_format(axis="y", useOffset=False)
            if label.startswith(("speed", "turning")):
                axes.set_ylim(bottom=0.0)
        grid[-1].set_xlabel("time [s]   (dotted: bound of the check)")
    return figure


def histograms(sample: PictureSample, steps: Steps) -> Figure:
    """Histograms of blur, brightness, and the motion between neighbours."""
    panels = [
        ("blur", sample.blur, (0.0, 1.0), BLURRED),
        ("mean brightness", sample.brightness, (0.0, 255.0), DARK_MEAN),
    ]
    known = steps.known
    if known.any():
        for label, values in (("step [m]", steps.metres[known]), ("step [deg]", steps.degrees[known])):
            panels.append((label, values, (0.0, float(np.percentile(values, 99)) * 1.1 + 1e-6), float("nan")))
    with house_style():
        figure = Figure(figsize=(_WIDTH, 2.4), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (label, values, limits, bound) in zip(grid, panels, strict=True):
            axes.hist(values[np.isfinite(values)], bins=30, range=limits, color=POSE)
            if np.isfinite(bound):
                axes.axvline(bound, color=INK, linewidth=0.8, linestyle=":")
            axes.set_xlabel(label)
        grid[0].set_ylabel("number")
    return figure


def frames(rows: Collection[tuple[str, Collection[tuple[Image, str]]]]) -> Figure:
    """Rows of pictures with a caption each."""
    columns = max(len(pictures) for _, pictures in rows)
    height, width = rows[0][1][0][0].shape[:2]
    cell = (_WIDTH - 0.4) / columns
    with house_style():
        figure = Figure(figsize=(_WIDTH, len(rows) * (cell * height / width + 0.3)), layout="constrained")
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for line, (label, pictures) in zip(grid, rows, strict=True):
            for axes in line:
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            for axes, (image, caption) in zip(line, pictures, strict=False):
                axes.imshow(image)
                axes.grid(False)
                axes.set_title(caption, fontweight="normal", fontsize=8)
            line[0].set_ylabel(label, fontsize=9)
    return figure
