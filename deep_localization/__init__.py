"""Use of both localizers together: one process for both nodes, evaluation of recordings, the demonstration."""
