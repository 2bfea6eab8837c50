"""Figures (matplotlib) of trajectories and of their errors; every axis has its unit."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from localization_common.report.drive_tracks import AXES, DriveTrack, ErrorSeries, plan_axes
from localization_common.report.style import GRID, MUTED, house_style


def save_png(figure: Figure, path: str | Path) -> bytes:
    """Write the figure as a PNG file, and return the file's bytes, to embed the same picture."""
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", pad_inches=0.15)
    data = buffer.getvalue()
    Path(path).write_bytes(data)
    return data


def trajectory(truth: DriveTrack | None, estimates: Sequence[DriveTrack], *, title: str = "") -> Figure:
    """Plot paths over the ground truth, seen along the axis in which they extend the least.

    The start of the truth is a circle, its end a square.
    """
    everything = [*([truth] if truth else []), *estimates]
    first, second = plan_axes(np.concatenate([track.positions for track in everything]))
    with house_style():
        figure = Figure(figsize=(7.2, 5.4), layout="constrained")
        axes = figure.add_subplot()
        for track in everything:
            path = track.broken().positions
            axes.plot(
                path[:, first],
                path[:, second],
                color=track.color,
                label=track.name,
                linestyle="--" if track.dashed else "-",
                linewidth=2.6 if track is truth else 1.4,
                alpha=0.95,
                zorder=2 if track is truth else 3,
            )
        if truth is not None:
            known = truth.positions[np.isfinite(truth.positions).all(axis=1)]
            for marker, row in (("o", 0), ("s", -1)):
                axes.plot(*known[row, [first, second]], marker, color=truth.color, markersize=7, zorder=4)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel(f"{AXES[first]} [m]")
        axes.set_ylabel(f"{AXES[second]} [m]")
        axes.set_title(title)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4)
    return figure


def errors_over_time(series: Sequence[ErrorSeries], *, title: str = "") -> Figure:
    """Plot errors over the time in seconds, one row for each unit (metres, degrees)."""
    units = list(dict.fromkeys(one.unit for one in series))
    with house_style():
        figure = Figure(figsize=(7.2, 2.3 * len(units) + 0.6), layout="constrained")
        grid = figure.subplots(len(units), 1, sharex=True, squeeze=False)[:, 0]
        for axes, unit in zip(grid, units, strict=True):
            for one in (s for s in series if s.unit == unit):
                times, values = one.broken()
                axes.plot(times, values, color=one.color, label=one.name, linewidth=1.3)
                axes.axhline(float(np.median(one.values)), color=one.color, linewidth=1.0, linestyle=":")
            axes.set_ylabel(f"error [{unit}]")
            axes.set_ylim(bottom=0.0)
            axes.legend(loc="upper right", ncols=3)
        grid[-1].set_xlabel("time [s]   (dotted: median)")
        grid[0].set_title(title)
    return figure


def error_distribution(series: Sequence[ErrorSeries]) -> Figure:
    """Plot the share of frames up to each error, one panel for each unit; half of them lie left of the median."""
    units = list(dict.fromkeys(one.unit for one in series))
    with house_style():
        figure = Figure(figsize=(7.2, 3.5), layout="constrained")
        grid = figure.subplots(1, len(units), sharey=True, squeeze=False)[0]
        for axes, unit in zip(grid, units, strict=True):
            chosen = [one for one in series if one.unit == unit]
            for one in chosen:
                _cumulative(axes, one)
            axes.axhline(50.0, color=MUTED, linewidth=0.8, linestyle=":")
            axes.set_xlabel(f"error [{unit}]")
            axes.set_xlim(0.0, max(float(np.percentile(one.values, 99.0)) for one in chosen) * 1.05 + 1e-9)
            axes.set_ylim(0.0, 100.0)
            # Above the panel, because the curves may be anywhere in it.
            axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, handlelength=1.2)
        grid[0].set_ylabel("share of frames [%]")
    return figure


def _cumulative(axes: Axes, series: ErrorSeries) -> None:
    ordered = np.sort(series.values)
    share = 100.0 * np.arange(1, len(ordered) + 1) / len(ordered)
    label = f"{series.name}, median {np.median(ordered):.3g} {series.unit}"
    axes.step(ordered, share, where="post", color=series.color, label=label)
    axes.grid(color=GRID)
