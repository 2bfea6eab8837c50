"""Drawing of a localizer's inputs and results in a Rerun recording; the same for recorded drives and running nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import rerun as rr

from deep_localization.viewer import entities, shapes
from deep_localization.viewer.layout import layout
from localization_common.camera import Camera
from localization_common.geometry import planar
from localization_common.metrics import pose_metrics
from localization_common.report.palette import label_palette

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

#: Stamps before this one, in nanoseconds, are those of a simulator: a duration, not a date.
_FIRST_DATE = 365 * 24 * 3600 * 10**9
#: Quality of the images' JPEG.
_JPEG = 80
#: Largest number of particles, and of points of a keyframe map, that are drawn.
MOST_PARTICLES, _MOST_POINTS = 500, 20_000
#: Longest step of a path in metres; a longer one is a relocalization, and no line joins its ends.
_LONGEST_STEP = 1.0
_LABEL_OPACITY = 0.4


class Scene:
    """Scene in a recording. Poses (4, 4) are in the map, which has z up; `at` sets the time of what follows.

    Args:
        stream: recording, with a sink.
    """

    def __init__(self, stream: rr.RecordingStream) -> None:
        self._stream = stream
        self._last: dict[str, Array] = {}
        self._states: dict[str, str] = {}
        self._dates: bool | None = None
        stream.log(entities.MAP, rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        for source, name, color in shapes.series():
            stream.log(source, rr.SeriesLines(colors=[color], names=[name], widths=[1.5]), static=True)

    def arrange(self, bounds: Array | None, *, live: bool = False, truth: bool = True) -> None:
        """Arrange the views; see `layout`."""
        self._stream.send_blueprint(layout(bounds, live=live, truth=truth))

    def at(self, stamp: int) -> None:
        """Set the time of what follows, in nanoseconds of ROS time; the first one decides if times are dates."""
        if self._dates is None:
            self._dates = stamp >= _FIRST_DATE
        if self._dates:
            self._stream.set_time(entities.TIMELINE, timestamp=np.datetime64(stamp, "ns"))
        else:
            self._stream.set_time(entities.TIMELINE, duration=np.timedelta64(stamp, "ns"))

    # The place.

    def occupancy(self, cells: npt.NDArray[np.int8], origin: tuple[float, float], resolution: float) -> None:
        """Draw an occupancy grid (rows, columns), row 0 at the smallest y: 100 occupied, 0 free, -1 unknown.

        Args:
            origin: x and y of its corner, metres.
            resolution: side of a cell, metres.
        """
        self._stream.log(entities.GRID, shapes.floor(cells, origin, resolution), static=True)

    def keyframe_points(self, points: npt.NDArray[np.float32]) -> None:
        """Draw the points (P, 3) of a keyframe map, every n-th of many."""
        every = max(1, -(-len(points) // _MOST_POINTS))
        dots = rr.Points3D(points[::every], colors=[entities.POINT_COLOR], radii=[rr.Radius.ui_points(1.2)])
        self._stream.log(entities.POINTS, dots, static=True)

    def context_views(self, poses: Array) -> None:
        """Draw the planar poses (N, 3) of a context map's views."""
        self._stream.log(entities.VIEWS, shapes.arrows(poses, 0.3, entities.VIEW_COLOR), static=True)

    # The camera.

    def camera(self, camera: Camera) -> None:
        """Set the intrinsics of the images; the lens's distortion is not drawn."""
        pinhole = rr.Pinhole(
            image_from_camera=camera.matrix,
            resolution=[camera.width, camera.height],
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=0.5,
            color=entities.COLORS[entities.VLOCNET],
        )
        self._stream.log(entities.CAMERA, pinhole, static=True)

    def class_names(self, names: Sequence[str]) -> None:
        """Set the names of the class ids 0, 1, ...; 255 is transparent."""
        palette = label_palette().tolist()
        known = [rr.AnnotationInfo(id=i, label=name, color=tuple(palette[i])) for i, name in enumerate(names)]
        unknown = rr.AnnotationInfo(id=255, label="unknown", color=(0, 0, 0, 0))
        self._stream.log(entities.LABELS, rr.AnnotationContext([*known, unknown]), static=True)

    def camera_pose(self, map_T_camera: Array) -> None:
        """Move the camera."""
        moved = rr.Transform3D(translation=map_T_camera[:3, 3], mat3x3=map_T_camera[:3, :3])
        self._stream.log(entities.CAMERA, moved)

    def image(self, image: Image) -> None:
        """Draw an image (H, W, 3) RGB; labels and points of the image before are removed."""
        self._stream.log(entities.IMAGE, rr.Image(image).compress(jpeg_quality=_JPEG))

    def labels(self, labels: Image) -> None:
        """Draw class ids (H, W) over the image."""
        self._stream.log(entities.LABELS, rr.SegmentationImage(labels, opacity=_LABEL_OPACITY))

    def matched_points(self, pixels: Array) -> None:
        """Draw the pixels (N, 2) whose map points the refined pose uses; none removes them."""
        circles = rr.Points2D(pixels + 0.5, colors=[entities.MATCH_COLOR], radii=[rr.Radius.ui_points(3.0)])
        self._stream.log(entities.MATCHES, circles)

    def matched_points_picture(self, picture: Image) -> None:
        """Draw an image (H, W, 3) RGB in which the matched points are marked."""
        self._stream.log(entities.MATCHES_PICTURE, rr.Image(picture).compress(jpeg_quality=_JPEG))

    # Poses.

    def pose(self, source: str, map_T_base: Array, covariance: Array | None = None) -> None:
        """Draw a pose of the base, its path so far, and the ellipse of two standard deviations of x and y.

        Args:
            source: one of `entities.COLORS`.
            covariance: (6, 6) of x y z rX rY rZ, or None.
        """
        color, position = entities.COLORS[source], map_T_base[:3, 3]
        arrow = shapes.arrows(planar.from_se3(map_T_base)[None], 0.4, color, height=float(position[2]))
        self._stream.log(entities.pose_entity(source), arrow)
        before = self._last.get(source, position)
        if 0.0 < np.linalg.norm(position - before) < _LONGEST_STEP:
            step = rr.LineStrips3D([[before, position]], colors=[color], radii=[rr.Radius.ui_points(1.5)])
            self._stream.log(entities.path_entity(source), step)
        self._last[source] = position
        if covariance is not None:
            ring = shapes.ellipse(position, covariance[:2, :2])
            drawn = rr.LineStrips3D([ring], colors=[color], radii=[rr.Radius.ui_points(2.0)])
            self._stream.log(entities.ellipse_entity(source), drawn)
            largest = float(np.linalg.eigvalsh(covariance[:3, :3])[-1])
            self._scalar(entities.POSITION_ERROR, f"{source}_two_sigma", 2.0 * np.sqrt(max(0.0, largest)))

    def no_pose(self, source: str) -> None:
        """Remove the pose and the ellipse of a source that publishes no pose; its path stays."""
        gone = rr.Clear(recursive=False)
        for entity in (entities.pose_entity(source), entities.ellipse_entity(source)):
            self._stream.log(entity, gone)
        for plot, name in ((entities.POSITION_ERROR, source), (entities.HEADING_ERROR, source)):
            self._stream.log(f"{plot}/{name}", gone)
        self._stream.log(f"{entities.POSITION_ERROR}/{source}_two_sigma", gone)
        self._last.pop(source, None)

    def particles(self, poses: Array, weights: Array | None = None) -> None:
        """Draw planar particles (K, 3), at most `MOST_PARTICLES`; the heavier of weights (K,) are brighter."""
        every = max(1, -(-len(poses) // MOST_PARTICLES))
        shares = np.ones(len(poses)) if weights is None else weights
        self._stream.log(entities.PARTICLES, shapes.particles(poses[::every], shares[::every]))

    # Plots.

    def errors(self, source: str, map_T_base: Array, true: Array) -> None:
        """Plot the errors of a pose; a planar one (dmn) has no height, so that only x, y and heading count."""
        if source == entities.DMN:
            away = planar.relative(planar.from_se3(true), planar.from_se3(map_T_base))
            metres, degrees = float(np.hypot(away[0], away[1])), float(np.degrees(abs(away[2])))
        else:
            found = pose_metrics.pose_errors(map_T_base[None], true[None])
            metres, degrees = float(found.metres[0]), float(found.degrees[0])
        self._scalar(entities.POSITION_ERROR, source, metres)
        self._scalar(entities.HEADING_ERROR, source, degrees)

    def quality(self, source: str, value: float) -> None:
        """Plot the quality of a source, 0 to 1."""
        self._scalar(entities.QUALITY, source, value)

    def state(self, source: str, text: str, *, level: str = "INFO") -> None:
        """Write the state of a source if it has changed."""
        if self._states.get(source) != text:
            self._states[source] = text
            line = rr.TextLog(f"{source}: {text}", level=level, color=entities.COLORS.get(source))
            self._stream.log(f"{entities.STATE}/{source}", line)

    def _scalar(self, plot: str, name: str, value: float) -> None:
        self._stream.log(f"{plot}/{name}", rr.Scalars([value]))
