"""Names of topics and frames in a bag."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BagTopics:
    """Topic names of a bag."""

    image: str = "/image"
    camera_info: str = "/camera_info"
    depth: str = "/depth"
    labels: str = "/labels"
    label_names: str = "/label_names"
    odom: str = "/odom"
    ground_truth: str = "/ground_truth/pose"
    tf_static: str = "/tf_static"


@dataclass(frozen=True)
class BagFrames:
    """Frame names of a bag (REP-105)."""

    map: str = "map"
    odom: str = "odom"
    base: str = "base_link"
    camera: str = "camera_optical_frame"
