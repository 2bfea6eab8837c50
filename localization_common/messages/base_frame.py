"""Rule for the choice of the TF frame that is the robot's base, for bags and nodes."""

from __future__ import annotations

from collections.abc import Collection

#: Names of REP-105 and REP-120, in order of preference. The footprint is first, as in nav2_amcl.
BASE_FRAMES = ("base_footprint", "base_link")


def choose_base_frame(joined: Collection[str], wanted: str = "", odometry_child: str = "") -> str:
    """Frame of the robot's base; empty if none of the rule's frames exists.

    Args:
        joined: frames that TF joins to the camera's frame.
        wanted: name that the user gave; no other frame is taken then.
        odometry_child: ``child_frame_id`` of the robot's odometry, the last choice.
    """
    names = (wanted,) if wanted else (*BASE_FRAMES, *filter(None, (odometry_child,)))
    return next((name for name in names if name in joined), "")
