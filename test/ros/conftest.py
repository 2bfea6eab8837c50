"""Fixtures of the tests of the ROS layer."""

from stage_drive import drive
from stage_fixtures import context, models, one_thread, stage

__all__ = ["context", "drive", "models", "one_thread", "stage"]
