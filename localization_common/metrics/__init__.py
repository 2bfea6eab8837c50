"""Errors of poses, trajectories and segmentations."""
