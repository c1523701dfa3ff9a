"""From scores to decisions: thresholds, and when not to answer."""
