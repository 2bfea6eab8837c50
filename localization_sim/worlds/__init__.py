"""Random worlds for the Differentiable Mapping Network: rooms, mazes and streets, with the views it learns from."""
