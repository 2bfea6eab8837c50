"""Refinement of poses: a prior pose and an image, matched with a keyframe map."""
