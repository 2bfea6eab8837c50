"""Interactive plots (plotly) of the curves in `plots`, for the HTML report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from localization_common.report.drive_tracks import AXES, DriveTrack, ErrorSeries, plan_axes
from localization_common.report.style import GRID, INK, MUTED, PAPER


def _layout(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        autosize=True,
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        margin={"l": 56, "r": 12, "t": 32, "b": 48},
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0.0, "x": 0.0},
        hoverlabel={"font": {"size": 13}},
    )
    figure.update_xaxes(gridcolor=GRID, linecolor=MUTED, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, linecolor=MUTED, zeroline=False)
    return figure


def trajectory(truth: DriveTrack | None, estimates: Sequence[DriveTrack]) -> go.Figure:
    """Paths in the plan view of `plots.trajectory`; the pointer shows time and position."""
    everything = [*([truth] if truth else []), *estimates]
    first, second = plan_axes(np.concatenate([track.positions for track in everything]))
    figure = go.Figure()
    for track in everything:
        whole = track.broken()
        figure.add_scatter(
            x=whole.positions[:, first].round(4),
            y=whole.positions[:, second].round(4),
            customdata=whole.times.round(3),
            name=track.name,
            mode="lines",
            line={
                "color": track.color,
                "width": 4 if track is truth else 2,
                "dash": "dash" if track.dashed else "solid",
            },
            hovertemplate=f"%{{customdata:.2f}} s<br>{AXES[first]} %{{x:.2f}} m, {AXES[second]} %{{y:.2f}} m",
        )
    figure.update_xaxes(title=f"{AXES[first]} [m]")
    figure.update_yaxes(title=f"{AXES[second]} [m]", scaleanchor="x", scaleratio=1)
    return _layout(figure, 520)


def errors(series: Sequence[ErrorSeries]) -> go.Figure:
    """Errors over time, one row for each unit, with a common time axis."""
    units = list(dict.fromkeys(one.unit for one in series))
    figure = make_subplots(rows=len(units), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for one in series:
        times, values = one.broken()
        figure.add_scatter(
            x=times.round(3),
            y=values.round(4),
            name=f"{one.name} [{one.unit}]",
            mode="lines",
            line={"color": one.color, "width": 1.8},
            hovertemplate=f"%{{x:.2f}} s: %{{y:.3f}} {one.unit}",
            row=units.index(one.unit) + 1,
            col=1,
        )
    for row, unit in enumerate(units, start=1):
        figure.update_yaxes(title=f"error [{unit}]", rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title="time [s]", row=len(units), col=1)
    return _layout(figure, 220 * len(units) + 120)
