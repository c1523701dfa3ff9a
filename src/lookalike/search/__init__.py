"""Producers and refiners of neighbour tables."""
