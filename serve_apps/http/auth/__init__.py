"""Who asks, and what they may see: authentication, authorization, sessions, OpenID Connect."""
