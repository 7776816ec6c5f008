"""Authentication, authorization, visibility, sessions and OpenID Connect."""
