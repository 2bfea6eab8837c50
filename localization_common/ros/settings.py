"""Parameters of every localizer node. Names are those of amcl for parameters with the same meaning."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from localization_common.errors import ConfigError
from localization_common.files.paths import user_path
from localization_common.messages import MAX_PIXELS, frame_name
from localization_common.place import Place
from localization_common.ros.parameter_fields import ALWAYS, START, parameter

MAP_ODOM, MAP_BASE, NONE = "map_odom", "map_base", "none"
#: Seconds; shorter periods would only load the network.
SHORTEST_HEARTBEAT = 0.01


@dataclass(frozen=True)
class NodeSettings:
    """Parameters of a localizer node: frames, files, input and timing.

    Names of frames lose a leading ``/``, as those in messages do: tf2 refuses it.
    """

    base_frame_id: str = parameter(
        "",
        "Frame of the robot's base; published poses are of this frame. Empty: base_footprint, else base_link, else the "
        "child_frame_id of the odometry: the first that TF joins to the camera, as when recordings are read.",
    )
    odom_frame_id: str = parameter("odom", "Frame of the odometry.")
    global_frame_id: str = parameter("map", "Frame of the map; published poses are in this frame.")
    camera_frame_id: str = parameter("", "Optical frame of the camera; empty takes the frame of each image's header.")
    tf_broadcast: bool = parameter(True, "Broadcast TF.", when=ALWAYS)
    tf_mode: str = parameter(
        MAP_ODOM,
        "Transform to broadcast: map_odom corrects the odometry's drift, map_base is the pose, none sends nothing.",
        choices=(MAP_ODOM, MAP_BASE, NONE),
        when=ALWAYS,
    )
    transform_tolerance: float = parameter(
        1.0, "Seconds by which a broadcast transform is dated ahead, so that it can be used until the next one.",
        minimum=0.0, maximum=60.0, when=ALWAYS,
    )  # fmt: skip
    max_correction_speed: float = parameter(
        0.1,
        "Largest speed, m/s at the base, of map -> odom while the robot is tracked and drives; a robot that stands is "
        "not moved, and a relocalisation jumps. 0: each pose is used in full.",
        minimum=0.0,
        maximum=100.0,
        when=ALWAYS,
    )
    max_correction_angular_speed: float = parameter(
        0.2, "The same for the heading, rad/s; 0: no bound.", minimum=0.0, maximum=100.0, when=ALWAYS
    )
    transform_timeout: float = parameter(
        1.0,
        "Seconds that an image waits for a transform that is not there yet.",
        minimum=0.0,
        maximum=60.0,
        when=ALWAYS,
    )
    camera_info_timeout: float = parameter(
        1.0, "Seconds that an image waits for the first camera_info.", minimum=0.0, maximum=60.0, when=ALWAYS
    )
    place: str = parameter(
        "", "Directory of a place, made by localization_map: gives the files that other parameters leave empty."
    )
    amcl_pose: bool = parameter(
        False, "Publish the pose on amcl_pose, too, as Nav2's tools expect it of a localizer.", when=START
    )
    save_pose_rate: float = parameter(
        0.5, "Times a second that the newest pose in a place is saved; 0: never.", minimum=0.0, maximum=100.0
    )
    saved_pose_filepath: str = parameter(
        "", "File of the saved pose. Empty: PLACE.NODE.pose.json beside the directory of the place."
    )
    initialize_at_saved_pose: bool = parameter(
        False, "Start at the saved pose, with its covariance; without one, the robot may be anywhere."
    )
    checkpoint: str = parameter(
        "", "File with the network's weights (.safetensors); read by configure. Empty: that of place."
    )
    device: str = parameter("cpu", "Device that the network runs on, in torch's notation: cpu, cuda, cuda:1.")
    half: bool = parameter(False, "Half precision. With vlocnet's `backend: auto`, only where it is faster.")
    threads: int = parameter(
        0, "CPU threads of torch for the whole process; 0 is torch's default.", minimum=0, maximum=256
    )
    autostart: bool = parameter(
        True, "Configure and activate the node at start; false: a lifecycle manager does it.", when=START
    )
    bond_heartbeat_period: float = parameter(
        0.1,
        "Seconds between the heartbeats of the bond with Nav2's lifecycle manager; 0.0 opens no bond, and the manager "
        "needs bond_timeout 0.0.",
        minimum=0.0,
        maximum=10.0,
    )
    process_all: bool = parameter(
        False,
        "Process every image, in order, over a reliable subscription (bags); false: only the newest image.",
        when=START,
    )
    queue_size: int = parameter(
        1000, "Images that may wait when process_all is set; more are dropped, the oldest first.",
        minimum=1, maximum=100_000, when=START,
    )  # fmt: skip
    max_image_pixels: int = parameter(
        MAX_PIXELS, "Largest image, width times height in pixels; larger ones are refused before they are decoded.",
        minimum=1, maximum=1_000_000_000, when=START,
    )  # fmt: skip
    image_transport: str = parameter(
        "raw", "Topic of the images: image (raw) or image/compressed.", choices=("raw", "compressed"), when=START
    )

    def __post_init__(self) -> None:
        for name in ("base_frame_id", "odom_frame_id", "global_frame_id", "camera_frame_id"):
            object.__setattr__(self, name, frame_name(getattr(self, name)))
        frames = {"odom_frame_id": self.odom_frame_id, "global_frame_id": self.global_frame_id}
        for name, frame in frames.items():
            if not frame:
                raise ConfigError(f"{name} is empty")
        frames["base_frame_id"] = self.base_frame_id
        if len(set(frames.values())) < len(frames):
            raise ConfigError(f"frames must differ: {frames}")
        if 0.0 < self.bond_heartbeat_period < SHORTEST_HEARTBEAT:
            period = self.bond_heartbeat_period
            raise ConfigError(f"bond_heartbeat_period is {period}; it must be 0.0 or at least {SHORTEST_HEARTBEAT}")

    def open_place(self) -> Place | None:
        """Open the place; None if the parameter is empty.

        Raises:
            MapError: there is no place, it is damaged, or its map is not metric.
            ConfigError: the parameter is no path.
        """
        if not self.place:
            return None
        place = Place.open(user_path(self.place, "parameter place"))
        place.require_metric()
        return place

    @property
    def broadcasts(self) -> str:
        """Kind of transform to broadcast: ``map_odom``, ``map_base`` or ``none``."""
        return self.tf_mode if self.tf_broadcast else NONE


def check_device(name: str) -> None:
    """Refuse a device that torch does not support or that this computer does not have.

    Raises:
        ConfigError: the device cannot be used; the message names it.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"parameter device is {name!r}: {error}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"parameter device is {name!r}, but torch finds no CUDA device: set device to cpu")
