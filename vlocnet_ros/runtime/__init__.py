"""Localization of camera frames with a trained VLocNet++: no ROS."""
