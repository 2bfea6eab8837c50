"""Check of a recording for training, mapping and localization: findings, a verdict, and remedies."""
