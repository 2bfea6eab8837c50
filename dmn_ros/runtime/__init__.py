"""Localization of camera frames in a context map: no ROS."""
