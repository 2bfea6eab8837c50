"""Fixtures of the ROS tests."""

from stage_fixtures import context, models, one_thread, stage

__all__ = ["context", "models", "one_thread", "stage"]
