"""What is measured of a camera's view: its input size, and how its headcount errs."""
