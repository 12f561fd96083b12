"""Outlines moved onto the image's edges by an active contour."""
