"""Measurements to files: JSON, CSV, label map, pictures, page."""
