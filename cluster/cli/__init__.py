"""The command `homeroom`: one file for each group of commands."""
