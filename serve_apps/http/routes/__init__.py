"""The routes under `/api`, one file for each resource."""
