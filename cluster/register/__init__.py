"""Identity: consent, templates, registers. Empty until the register comes.

The import contracts already hold it apart from `cluster.activity` and from the archive job.
"""
