"""Representations of images, and distances that know more than pixels: each usable alone."""
