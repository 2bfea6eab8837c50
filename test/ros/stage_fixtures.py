"""Fixtures of tests with real nodes; the conftest.py of each folder with such tests imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context
from robot_stage import Stage


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    """ROS context in the domain of the test."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    yield context
    rclpy.try_shutdown(context=context)


@pytest.fixture
def stage(context: Context, models: Path) -> Iterator[Stage]:
    """Robot and nodes under test in the domain of the test."""
    stage = Stage(context, models)
    yield stage
    stage.close()
