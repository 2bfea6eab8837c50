"""Occupancy grid of a mapped place, for Nav2's map_server."""
