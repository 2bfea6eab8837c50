"""Fixtures of live nodes for the tests that need them; recordings are read without ROS."""

import importlib.util

from model_fixtures import models, one_thread

__all__ = ["models", "one_thread"]

if importlib.util.find_spec("rclpy") is not None:
    from stage_fixtures import context, stage

    __all__ += ["context", "stage"]
