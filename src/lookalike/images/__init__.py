"""What comes in: data sets and image arrays."""
