"""Fixtures of the tests of the ROS layer."""

from stage_fixtures import context, models, one_thread, stage

__all__ = ["context", "models", "one_thread", "stage"]
