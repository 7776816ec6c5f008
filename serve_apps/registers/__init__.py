"""Parts of the registers deployment: face recognition while a register is open."""
