"""Parameters of the vlocnet node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localization_common.errors import ConfigError
from localization_common.files.paths import existing_file
from localization_common.place import Place
from localization_common.place.choice import named_or_part_if_any
from localization_common.ros.parameter_fields import ALWAYS, parameter
from localization_common.ros.settings import MAP_BASE, NodeSettings
from vlocnet_ros.runtime.backends.opening import AUTO, BACKENDS


@dataclass(frozen=True)
class VlocnetSettings(NodeSettings):
    """Parameters of the vlocnet node."""

    checkpoint: str = parameter(
        "",
        "File with the network's weights (.safetensors); read by configure and load_checkpoint. Empty: that of place; "
        "where it has none, poses come from the keyframe map and odom.",
        when=ALWAYS,
    )
    backend: str = parameter(
        AUTO,
        "Library that runs the network: torch; onnx, openvino or tensorrt, which run the .onnx file that "
        "vlocnet_export wrote beside the checkpoint; or auto, which measures torch, onnx and openvino with the files "
        "that are there and takes the fastest. The log has the times.",
        choices=BACKENDS,
    )
    fuse_poses: bool = parameter(
        True,
        "Publish the consensus of the poses of the last seconds, each moved on by the odometry; else each frame's own "
        "pose.",
    )
    frozen_timeout: float = parameter(
        1.0,
        "Seconds for which the camera may deliver the same image; 0 for no limit, for simulators without noise.",
        minimum=0.0,
        maximum=60.0,
    )
    keyframe_map: str = parameter(
        "",
        "File with the keyframe map that poses are refined against, made by vlocnet_build_keyframes. Empty: that of "
        "place; without a place, none.",
    )
    refine: bool = parameter(True, "Refine poses, where there is a keyframe map.")
    odometry_timeout: float = parameter(
        0.3,
        "Without a network: seconds that an image waits for odometry as new as itself, while odometry comes.",
        minimum=0.0,
        maximum=600.0,
        when=ALWAYS,
    )
    publish_odom_tf: bool = parameter(
        False,
        "Broadcast odom -> base from the visual odometry; only where no other odometry does.",
        when=ALWAYS,
    )
    overlay_opacity: float = parameter(
        0.5, "Opacity of the classes, or of the heat map, over the image.", minimum=0.0, maximum=1.0, when=ALWAYS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.publish_odom_tf and self.broadcasts == MAP_BASE:
            raise ConfigError(
                "publish_odom_tf with tf_mode map_base would give the base two parents, odom and map: set tf_mode to "
                "map_odom, or publish_odom_tf to false"
            )

    def checkpoint_file(self, place: Place | None) -> Path | None:
        """Checkpoint of the network; None for the keyframe map alone.

        Raises:
            ConfigError: there is no such file, or neither a checkpoint nor a keyframe map.
        """
        if self.checkpoint:
            return existing_file(self.checkpoint, "parameter checkpoint")
        trained = named_or_part_if_any(None, place, "vlocnet")
        if trained is None and self.used_map(place) is None:
            raise ConfigError(
                "no checkpoint and no keyframe map: set parameter checkpoint or keyframe_map to a file, or place to a "
                "place that has one; refine must be true for a keyframe map"
            )
        return trained

    def used_map(self, place: Place | None) -> Path | None:
        """Keyframe map for the refinement; None if poses are not refined.

        Raises:
            ConfigError: there is no such file.
        """
        if not self.refine:
            return None
        if self.keyframe_map:
            return existing_file(self.keyframe_map, "parameter keyframe_map")
        return named_or_part_if_any(None, place, "keyframes")
