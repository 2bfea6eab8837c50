"""The one rule, of bags and of nodes, for which TF frame is the robot's base."""

from __future__ import annotations

from collections.abc import Collection

#: Names of REP-105 and REP-120, in the order in which they are looked for. The footprint is first, as in nav2_amcl.
BASE_FRAMES = ("base_footprint", "base_link")


def choose_base_frame(joined: Collection[str], wanted: str = "", odometry_child: str = "") -> str:
    """Frame of the robot's base; empty if none of those that the rule names is there.

    Args:
        joined: frames that TF joins to the camera's frame.
        wanted: name that the user gave; nothing else is taken then.
        odometry_child: ``child_frame_id`` of the robot's odometry, which is taken last.
    """
    names = (wanted,) if wanted else (*BASE_FRAMES, *filter(None, (odometry_child,)))
    return next((name for name in names if name in joined), "")
