"""Clean images from noisy ones: tables of the noise, neighbours, and regressions on windows."""
