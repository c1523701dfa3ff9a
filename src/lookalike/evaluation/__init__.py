"""How good a classifier is, where it errs and why."""
