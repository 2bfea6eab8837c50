"""Localization of camera frames in a context map, without ROS."""
