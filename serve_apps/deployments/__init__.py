"""The classes that Ray Serve deploys."""
