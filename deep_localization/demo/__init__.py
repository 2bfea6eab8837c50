"""The demonstration: a simulated robot, both nodes, a report."""
