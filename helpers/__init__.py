"""The course's layout of 2023: its helpers/, the same names as those of the modules at the root."""
