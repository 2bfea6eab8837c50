"""Fixtures of the tests of what robots record and deliver."""

from stage_fixtures import context, models, one_thread, stage

__all__ = ["context", "models", "one_thread", "stage"]
