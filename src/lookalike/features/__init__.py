"""Vectors of pictures by pretrained networks."""
