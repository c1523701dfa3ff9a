"""Denoising of images by noise tables, nearest neighbours and regressions on pixel windows."""
