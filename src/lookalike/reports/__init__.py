"""Results as one page that opens anywhere, with every number beside it."""
