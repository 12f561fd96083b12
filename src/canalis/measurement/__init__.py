"""A Segmentation to Measurements: centreline, planes, lengths, type, alignment."""
