"""The command line: arguments in, results out; no logic of its own."""
