"""Fixtures of live nodes for the tests that need them; recordings are read without ROS."""

import importlib.util

if importlib.util.find_spec("rclpy") is not None:
    from stage_fixtures import context, models, one_thread, stage

    __all__ = ["context", "models", "one_thread", "stage"]
