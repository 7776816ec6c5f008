"""The routes under `/api` and `/sign-in`, one file for each resource."""
