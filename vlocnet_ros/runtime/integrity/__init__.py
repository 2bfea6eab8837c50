"""Fusion of the poses of several frames, and the checks that withhold wrong ones."""
