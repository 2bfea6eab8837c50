"""Network of VLocNet++ in PyTorch: streams, their fusion, and the systems that they make up."""
