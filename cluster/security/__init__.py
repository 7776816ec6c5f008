"""Keys and the audit log; sign-in and roles come here too."""
