"""Content of ROS messages as arrays and cameras, for bags and nodes alike. Needs no ROS.

A message is any object with the fields of its type: rclpy's and rosbags' objects have the same ones. Errors give the
mistake; the caller adds the topic and the time.
"""

from localization_common.messages.bits import BitsInUse, bits_in_use
from localization_common.messages.cameras import camera_from, is_rectified_topic
from localization_common.messages.compressed import MAX_PIXELS, rgb_from_compressed
from localization_common.messages.depth import depth_from
from localization_common.messages.images import array_from, labels_from, rgb_from
from localization_common.messages.jpeg import unnoticed_damage
from localization_common.messages.poses import (
    POSE_TYPES,
    StampedTransform,
    StampedTransforms,
    covariance_from,
    frame_name,
    matrix_from_pose,
    matrix_from_transform,
    stamped_transforms,
)
from localization_common.messages.stamps import stamp_from_time, stamp_in, stamp_of

__all__ = [
    "MAX_PIXELS",
    "POSE_TYPES",
    "BitsInUse",
    "StampedTransform",
    "StampedTransforms",
    "array_from",
    "bits_in_use",
    "camera_from",
    "covariance_from",
    "depth_from",
    "frame_name",
    "is_rectified_topic",
    "labels_from",
    "matrix_from_pose",
    "matrix_from_transform",
    "rgb_from",
    "rgb_from_compressed",
    "stamp_from_time",
    "stamp_in",
    "stamp_of",
    "stamped_transforms",
    "unnoticed_damage",
]
