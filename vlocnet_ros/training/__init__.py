"""Training of VLocNet++: frames in memory, augmentation, batches, the Lightning module. Needs the training extras."""
