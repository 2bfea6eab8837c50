"""Arrays and transforms to bag messages (of rosbags, without ROS): the inverse of `localization_common.messages`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.typesys import Stores, get_typestore

from localization_common.camera import Camera
from localization_common.datasets.sequence import Poses
from localization_common.geometry import se3

STORE = get_typestore(Stores.ROS2_JAZZY)


def new(kind: str, **fields: Any) -> Any:
    """Message of a type such as ``std_msgs/msg/String``."""
    return STORE.types[kind](**fields)


def header(stamp: int, frame: str) -> Any:
    """Header (std_msgs) of a stamp in nanoseconds."""
    time = new("builtin_interfaces/msg/Time", sec=int(stamp // 10**9), nanosec=int(stamp % 10**9))
    return new("std_msgs/msg/Header", stamp=time, frame_id=frame)


def pose(a_T_b: Poses) -> Any:
    """Pose message (geometry_msgs) of a transform (4, 4)."""
    position, rotation = _position_and_rotation("geometry_msgs/msg/Point", a_T_b)
    return new("geometry_msgs/msg/Pose", position=position, orientation=rotation)


def transform(stamp: int, parent: str, child: str, parent_T_child: Poses) -> Any:
    """TransformStamped message (geometry_msgs) of a transform (4, 4)."""
    translation, rotation = _position_and_rotation("geometry_msgs/msg/Vector3", parent_T_child)
    moved = new("geometry_msgs/msg/Transform", translation=translation, rotation=rotation)
    return new(
        "geometry_msgs/msg/TransformStamped", header=header(stamp, parent), child_frame_id=child, transform=moved
    )


def planar_twist(forward: float, turning: float) -> Any:
    """Twist message (geometry_msgs) of a forward (m/s) and a turning (rad/s) speed."""
    vector = "geometry_msgs/msg/Vector3"
    linear, angular = new(vector, x=forward, y=0.0, z=0.0), new(vector, x=0.0, y=0.0, z=turning)
    return new("geometry_msgs/msg/Twist", linear=linear, angular=angular)


def image_fields(image: npt.NDArray[np.generic], encoding: str) -> dict[str, Any]:
    """Fields, but the header, of a sensor_msgs/Image of an array (H, W) or (H, W, C)."""
    contiguous = np.ascontiguousarray(image)
    return {
        "height": contiguous.shape[0],
        "width": contiguous.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": contiguous.strides[0],
        "data": contiguous.reshape(-1).view(np.uint8),
    }


def camera_fields(camera: Camera) -> dict[str, Any]:
    """Fields, but the header, of a sensor_msgs/CameraInfo."""
    region = "sensor_msgs/msg/RegionOfInterest"
    # Consumers of plumb_bob expect five coefficients even where there is no distortion.
    zeros = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[camera.distortion_model]
    return {
        "height": camera.height,
        "width": camera.width,
        "distortion_model": camera.distortion_model,
        "d": np.array(camera.distortion or (0.0,) * zeros, dtype=np.float64),
        "k": camera.matrix.reshape(-1),
        "r": np.eye(3).reshape(-1),
        "p": np.concatenate([camera.matrix, np.zeros((3, 1))], axis=1).reshape(-1),
        "binning_x": 0,
        "binning_y": 0,
        "roi": new(region, x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    }


def quality_of_service(*, latched: bool) -> Qos:
    """Reliable quality of service; transient local where late subscribers must get the last message."""
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    forever, depth = QosTime(9223372036, 854775807), 1 if latched else 10
    liveliness = QosLiveliness.AUTOMATIC
    return Qos(
        QosHistory.KEEP_LAST, depth, QosReliability.RELIABLE, durability, forever, forever, liveliness, forever, False
    )


def _position_and_rotation(kind: str, a_T_b: Poses) -> tuple[Any, Any]:
    (x, y, z), (qw, qx, qy, qz) = (part.tolist() for part in se3.to_parts(a_T_b))
    return new(kind, x=x, y=y, z=z), new("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw)
