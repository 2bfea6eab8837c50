"""The one transform that a localizer broadcasts: map->odom, map->base, or none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.ros.monitor import Level, Monitor
from localization_common.ros.settings import MAP_BASE, MAP_ODOM, NodeSettings
from localization_common.ros.tf_buffer import TransformError
from localization_common.ros.transforms import Transforms, map_T_odom

Array = npt.NDArray[np.float64]


def broadcast_pose(
    map_T_base: Array, stamp: int, *, transforms: Transforms, settings: NodeSettings, monitor: Monitor
) -> None:
    """Send what `tf_mode` asks for, dated ahead by `transform_tolerance`. From the worker: it may wait for odometry."""
    mode = settings.broadcasts
    dated = stamp + int(settings.transform_tolerance * 1e9)
    if mode == MAP_BASE:
        transforms.send(settings.global_frame_id, settings.base_frame_id, map_T_base, dated)
    if mode != MAP_ODOM:
        monitor.solved("odom_tf")
        return
    odom, base = settings.odom_frame_id, settings.base_frame_id
    # Wait only for an odometry that exists: without any, each frame would wait in vain.
    timeout = settings.transform_timeout if transforms.connected(odom, base) else 0.0
    try:
        odom_T_base = transforms.lookup(odom, base, stamp, timeout)
    except TransformError as error:
        advice = "tf_mode map_odom needs the odometry's TF; set tf_mode to map_base or none if there is none"
        monitor.problem("odom_tf", Level.WARN, f"{error} ({advice})")
        return
    monitor.solved("odom_tf")
    transforms.send(settings.global_frame_id, odom, map_T_odom(map_T_base, odom_T_base), dated)
