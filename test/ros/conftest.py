"""Fixtures of the tests of the ROS layer."""

from model_fixtures import models, one_thread
from stage_drive import drive
from stage_fixtures import context, stage

__all__ = ["context", "drive", "models", "one_thread", "stage"]
