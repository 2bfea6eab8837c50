"""Demonstration: a simulated robot, both nodes, a report."""
