"""Keys, the audit log's chain, roles, identity claims and signed tokens."""
