"""Layout of the viewer when it opens: the map beside the camera and the plots."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import rerun.blueprint as rrb

from deep_localization.viewer import entities

Array = npt.NDArray[np.float64]

#: Horizontal distance of the eye from the middle of the map, and its height, in units of the map's size.
_BACK, _UP = 0.45, 0.95
#: Smallest size of the map that the eye shows, metres.
_LEAST = 4.0


def layout(bounds: Array | None, *, live: bool, truth: bool) -> rrb.Blueprint:
    """Make the layout.

    Args:
        bounds: min_x, min_y, max_x, max_y of the map in metres, at which the eye looks from the south; None: the viewer
            chooses.
        live: show the picture of the matched points, which only nodes publish.
        truth: show errors; without true poses there are none.
    """
    plots = [_plot(entities.POSITION_ERROR, "Position error and 2 standard deviations [m]")] if truth else []
    plots += [_plot(entities.HEADING_ERROR, "Heading error [deg]")] if truth else []
    plots.append(_plot(entities.QUALITY, "Quality, 0 to 1"))
    camera: list[rrb.View] = [rrb.Spatial2DView(origin=entities.CAMERA, name="Camera, labels, matched points")]
    if live:
        camera.append(rrb.Spatial2DView(origin=entities.MATCHES_PICTURE, name="Matched points"))
    state = rrb.TextLogView(origin=entities.STATE, name="State")
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(_map_view(bounds), state, row_shares=[5, 1]),
            rrb.Vertical(rrb.Horizontal(*camera), *plots, row_shares=[5, *(2 for _ in plots)]),
            column_shares=[3, 2],
        ),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed", timeline=entities.TIMELINE),
    )


def _map_view(bounds: Array | None) -> rrb.Spatial3DView:
    """Make the view of the map, with each path from its beginning to the time that is shown."""
    history = rrb.VisibleTimeRanges(
        timeline=entities.TIMELINE,
        start=rrb.TimeRangeBoundary.infinite(),
        end=rrb.TimeRangeBoundary.cursor_relative(),
    )
    eye = None
    if bounds is not None:
        middle = (bounds[:2] + bounds[2:]) / 2.0
        size = max(_LEAST, float((bounds[2:] - bounds[:2]).max()))
        eye = rrb.EyeControls3D(
            position=(middle[0], middle[1] - _BACK * size, _UP * size),
            look_target=(middle[0], middle[1], 0.0),
            eye_up=(0.0, 0.0, 1.0),
        )
    return rrb.Spatial3DView(
        origin=entities.MAP,
        name="Map",
        overrides={entities.path_entity(source): history for source in entities.COLORS},
        background=entities.BACKGROUND,
        eye_controls=eye,
    )


def _plot(origin: str, name: str) -> rrb.TimeSeriesView:
    return rrb.TimeSeriesView(origin=origin, name=name, plot_legend=rrb.PlotLegend(rrb.Corner2D.LeftTop))
