"""Camera for tests of the simulator."""

from localization_common.camera import Camera

SMALL = Camera.from_field_of_view(160, 120, 90.0)
