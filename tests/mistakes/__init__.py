"""Mistakes that users make: each message says who complains, what was expected, what was received, and what to do."""
