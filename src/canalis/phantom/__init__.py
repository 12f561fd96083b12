"""A synthetic neck with known truth."""

from canalis.phantom.phantom import Phantom, draw_phantom, make_phantom

__all__ = ["Phantom", "draw_phantom", "make_phantom"]
