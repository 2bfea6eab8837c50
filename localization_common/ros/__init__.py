"""Interface to ROS: messages, parameters, TF, diagnostics. Only this package and ``node.py`` files import rclpy."""
