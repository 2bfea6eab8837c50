"""Recordings of ROS: rosbag2 (mcap, db3) and ROS 1 bags as a `Sequence`, with a summary of the reading."""
