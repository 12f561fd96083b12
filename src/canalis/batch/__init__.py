"""Many studies, each measured into a folder of its own, on the cores of one machine or on a cluster.

A case is done when its folder was renamed into place, whole. Nothing else is remembered: a batch that
was killed goes on where it was by looking at the folders.
"""
