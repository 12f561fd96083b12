"""A Segmentation to Measurements: centreline, planes, lengths, type, alignment."""

from canalis.measurement.measure import measure_segmentation

__all__ = ["measure_segmentation"]
