"""Random worlds for the Differentiable Mapping Network: rooms, mazes and streets, with views for training."""
