"""Worlds to train and test in."""

import os
import sys

if sys.platform == "linux":
    # MuJoCo reads this when it is imported. EGL needs no screen; a robot's or a build server's PC has none.
    os.environ.setdefault("MUJOCO_GL", "egl")
