"""Both localizers together: one process for both nodes, evaluation of bags, the demonstration."""
