"""The HTTP API and the pages: middleware, authentication, routes, schemas, services."""
