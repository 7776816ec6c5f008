"""The transactional database. Empty until the register comes."""
