"""Readers of neighbour tables with a scikit-learn face."""
