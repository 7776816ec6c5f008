"""Pages for people: rendered on the server, on the same routes' rules as the API."""
