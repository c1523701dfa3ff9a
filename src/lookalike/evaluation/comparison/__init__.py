"""Classifiers beside one another: scores, times, and which differences are real."""
