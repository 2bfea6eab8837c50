"""Command lines of VLocNet++: training, calibration, evaluation, export, keyframe maps."""
