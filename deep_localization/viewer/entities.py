"""Names and colours of what the viewer shows; drawing and layout share them."""

from __future__ import annotations

#: Timeline of the stamps of the images.
TIMELINE = "ros_time"

MAP = "map"
GRID = f"{MAP}/occupancy_grid"
POINTS = f"{MAP}/keyframe_points"
VIEWS = f"{MAP}/context_views"
PARTICLES = f"{MAP}/particles"
CAMERA = f"{MAP}/camera"
IMAGE = f"{CAMERA}/image"
LABELS = f"{CAMERA}/labels"
MATCHES = f"{CAMERA}/matched_points"
#: Picture of the image with circles around its matched points, as vlocnet publishes it.
MATCHES_PICTURE = "matched_points"

STATE = "state"
POSITION_ERROR, HEADING_ERROR, QUALITY = "position_error", "heading_error", "quality"

VLOCNET, DMN, ODOMETRY, TRUTH = "vlocnet", "dmn", "odometry", "truth"

#: RGB of each source of poses; hues as in `report.style`. The map's background is dark, that of the plots is the
#: viewer's, which may be light.
COLORS: dict[str, tuple[int, int, int]] = {
    VLOCNET: (56, 150, 225),
    DMN: (205, 105, 195),
    ODOMETRY: (225, 110, 20),
    TRUTH: (235, 235, 235),
}
BACKGROUND = (24, 27, 32)
VIEW_COLOR = (0, 158, 115)
MATCH_COLOR = (0, 255, 0)
POINT_COLOR = (120, 130, 145)


def pose_entity(source: str) -> str:
    """Entity of the newest pose of a source."""
    return f"{MAP}/{source}/pose"


def ellipse_entity(source: str) -> str:
    """Entity of the covariance ellipse of a source."""
    return f"{MAP}/{source}/two_sigma"


def path_entity(source: str) -> str:
    """Entity of the path of a source: one piece for each pose."""
    return f"{MAP}/{source}/path"
