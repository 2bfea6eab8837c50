"""Conversions from NumPy to ROS messages, from stamps in nanoseconds to Time and from quaternions wxyz to xyzw.

The other direction is `localization_common.messages`, which bag readers use, too.
"""

from localization_common.geometry.covariances import covariance_from_planar
from localization_common.ros.conversions.cameras import camera_to_info
from localization_common.ros.conversions.images import image_from_array
from localization_common.ros.conversions.poses import pose_from_matrix, time_from_stamp, transform_from_matrix

__all__ = [
    "camera_to_info",
    "covariance_from_planar",
    "image_from_array",
    "pose_from_matrix",
    "time_from_stamp",
    "transform_from_matrix",
]
