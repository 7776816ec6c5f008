"""Training of the weights that the project ships, on rendered classes alone."""
