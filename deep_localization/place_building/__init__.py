"""Building of a place from drives: mapping, keyframe map, context map, occupancy grid and report."""
