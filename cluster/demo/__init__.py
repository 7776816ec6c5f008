"""What `homeroom demo` needs: a lesson to look at, and a school for it."""
