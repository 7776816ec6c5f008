"""Parts of the registers deployment: recognition of faces while a register is open."""
