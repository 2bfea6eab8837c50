"""Training of VLocNet++: frames in memory, augmentation, batches, Lightning module. Needs the training extras."""
