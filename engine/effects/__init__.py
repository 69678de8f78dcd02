"""Every call that leaves the process: looked up, budgeted, made, recorded."""
