"""Simulated apartments and random worlds, for training and tests."""

import os
import sys

if sys.platform == "linux":
    # MuJoCo reads this variable at import. EGL needs no screen, and a robot or a build server has none.
    os.environ.setdefault("MUJOCO_GL", "egl")
