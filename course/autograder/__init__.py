"""What lies in the archive for Gradescope besides the checks: two shell scripts, and the program that they start."""
