"""Keyframe map: keyframes with 3D points and their descriptors, built from frames with poses."""
