"""Is a recording good enough to train on, to map from and to localize in? Findings, a verdict, and what to do."""
