"""The apartment of seed 0, built once for all tests of the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from small_camera import SMALL

if TYPE_CHECKING:
    from localization_sim.apartments.apartment import Apartment
    from localization_sim.rendering import Renderer


@pytest.fixture(scope="session")
def apartment() -> Apartment:
    """The apartment of the demo."""
    from localization_sim.apartments.apartment import Apartment

    return Apartment.from_seed(0)


@pytest.fixture(scope="session")
def renderer(apartment: Apartment) -> Iterator[Renderer]:
    """A small camera in it."""
    from localization_sim.rendering import Renderer

    with Renderer(apartment, SMALL) as opened:
        yield opened
