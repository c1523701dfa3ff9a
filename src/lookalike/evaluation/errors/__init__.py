"""Which images are taken for what, and the images behind it."""
