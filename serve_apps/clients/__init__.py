"""How one deployment calls another: typed clients, and what they exchange."""
