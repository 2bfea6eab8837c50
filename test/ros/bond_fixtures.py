"""Fixtures of the tests with a lifecycle manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lifecycle_manager import LifecycleManager
from rclpy.node import Node
from robot_stage import Stage

MakeManager = Callable[..., LifecycleManager]


@pytest.fixture
def make_manager(stage: Stage) -> Iterator[MakeManager]:
    """Makes a manager of named nodes, which ends with the test."""
    made: list[LifecycleManager] = []

    def make(*names: str, **options: Any) -> LifecycleManager:
        node = Node("lifecycle_manager", context=stage.context)
        stage.add(node)
        made.append(LifecycleManager(node, names, **options))
        return made[-1]

    yield make
    for manager in made:
        manager.close()
