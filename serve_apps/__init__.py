"""Ray Serve applications: the live service. Empty until live classrooms come."""
