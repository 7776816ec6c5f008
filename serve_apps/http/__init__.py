"""The HTTP API and the web pages: middleware, authentication, routes, schemas, services."""
