"""Parts that both localizers need: geometry, cameras, data, metrics, checkpoints, the report and the ROS interface."""
