"""The same work by scikit-learn, to measure ours against."""
