"""Floor 5: layers that prepare data: numbers, categories, text, images."""
