"""VLocNet++: global pose, odometry and segmentation from consecutive frames of one camera."""
