"""``lookalike tour``: image classification by nearest neighbours, step by step."""
