"""Maps from recorded drives without ground truth: poses, points, keyframes and an occupancy grid; no ROS."""
