"""What every process needs: Ray on this machine, logging, redaction, scheduling."""
