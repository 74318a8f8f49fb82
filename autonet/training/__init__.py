"""Floor 6: the loop. Data to batches, what compile() was told, one step, and fit, evaluate and predict around it."""
