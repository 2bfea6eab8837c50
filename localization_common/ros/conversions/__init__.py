"""ROS messages to NumPy and back: inside, stamps are nanoseconds and quaternions w first; here they change."""

from localization_common.ros.conversions.cameras import camera_from_info, camera_to_info
from localization_common.ros.conversions.images import (
    array_from_image,
    image_from_array,
    rgb_from_compressed,
    rgb_from_image,
)
from localization_common.ros.conversions.poses import (
    covariance_from_message,
    covariance_from_planar,
    matrix_from_pose,
    matrix_from_transform,
    pose_from_matrix,
    stamp_from_time,
    time_from_stamp,
    transform_from_matrix,
)

__all__ = [
    "array_from_image",
    "camera_from_info",
    "camera_to_info",
    "covariance_from_message",
    "covariance_from_planar",
    "image_from_array",
    "matrix_from_pose",
    "matrix_from_transform",
    "pose_from_matrix",
    "rgb_from_compressed",
    "rgb_from_image",
    "stamp_from_time",
    "time_from_stamp",
    "transform_from_matrix",
]
