"""What commands do, when they have understood what they were asked for."""
