"""Tallies in, claims out: which streams are watched, what each may spend of the false-alarm budget, what was found."""
