"""The checks of a hand-in: what is wrong in it, which mistake it is, and the forms in which that is told."""
