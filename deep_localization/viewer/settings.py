"""Parameters of the node ``rerun_viewer``."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.ros.parameter_fields import START, parameter

WINDOW, WEB, FILE = "window", "web", "file"


@dataclass(frozen=True)
class ViewerSettings:
    """Parameters of the viewer; read once, when the process starts."""

    show: str = parameter(
        WINDOW,
        "Place of the view: window opens Rerun's viewer on this computer, web serves it to browsers, file writes a "
        "recording.",
        choices=(WINDOW, WEB, FILE),
        when=START,
    )
    file: str = parameter("localization.rrd", "File that show:=file writes.", when=START)
    web_port: int = parameter(9090, "Port of the web page, for show:=web.", minimum=1, maximum=65535, when=START)
    grpc_port: int = parameter(
        9876, "Port of the data, for show:=web and show:=window.", minimum=1, maximum=65535, when=START
    )
    memory: str = parameter(
        "1GiB", "Memory of the viewer or its server; when it is full, the oldest data is removed.", when=START
    )
    image_rate: float = parameter(
        5.0, "Most images a second that are shown; the others are left out.", minimum=0.1, maximum=100.0, when=START
    )
    image_transport: str = parameter(
        "raw", "Topic of the images: image (raw) or image/compressed.", choices=("raw", "compressed"), when=START
    )
    base_frame_id: str = parameter("", "Frame of the robot's base. Empty: as the nodes choose it.", when=START)
    place: str = parameter("", "Directory of a place, whose maps are drawn.", when=START)
    keyframe_map: str = parameter("", "File with the keyframe map to draw. Empty: that of place.", when=START)
