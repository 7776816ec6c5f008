"""Video input: recorded footage at the analysis rate, and live cameras."""
