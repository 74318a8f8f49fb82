"""Floor 1: guards around what a file or a configuration from outside describes. What may be made of it, and how its errors read."""
