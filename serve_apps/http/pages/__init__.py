"""Server-rendered pages, under the same permissions as the API."""
