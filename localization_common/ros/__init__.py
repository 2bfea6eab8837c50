"""The ROS border: messages, parameters, TF, diagnostics. Nothing else in the package but ``node.py`` files knows rclpy."""
