"""A simulated provider with a planned life, and the check of what was found against what was planted."""
