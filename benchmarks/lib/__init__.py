"""What the benchmarks share: measurements, data, peers, and what the reports are made of."""
