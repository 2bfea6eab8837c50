"""The ROS border: messages, parameters, TF, diagnostics. Only this package and ``node.py`` files know rclpy."""
