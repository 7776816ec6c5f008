"""How often drift of a camera's view is noticed, and how often wrongly."""
