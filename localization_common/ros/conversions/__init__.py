"""NumPy to ROS messages: inside, stamps are nanoseconds and quaternions w first; here they change.

Reading is `localization_common.messages`, which bags use too.
"""

from localization_common.ros.conversions.cameras import camera_to_info
from localization_common.ros.conversions.images import image_from_array
from localization_common.ros.conversions.poses import (
    covariance_from_planar,
    pose_from_matrix,
    time_from_stamp,
    transform_from_matrix,
)

__all__ = [
    "camera_to_info",
    "covariance_from_planar",
    "image_from_array",
    "pose_from_matrix",
    "time_from_stamp",
    "transform_from_matrix",
]
