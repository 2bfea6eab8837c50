"""Refinement on a robot, without scipy and pycolmap."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("scipy", "pycolmap", "tyro", "lightning", "mujoco"):
            raise ModuleNotFoundError(f"no {name} on a robot")

sys.meta_path.insert(0, Absent())
import localization_common.keyframes.keyframe_map
import localization_common.refinement.refiner
try:
    import scipy
except ModuleNotFoundError as error:
    print(error)
"""


def test_the_refiner_needs_neither_scipy_nor_pycolmap() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "no scipy on a robot\n"
