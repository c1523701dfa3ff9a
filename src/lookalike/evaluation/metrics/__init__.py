"""How good predictions are: metrics with intervals, on arrays and of classifiers."""
