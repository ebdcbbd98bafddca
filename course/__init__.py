<<<<<<< HEAD
"""The checks of a hand-in: what is wrong in it, which mistake it is, and the forms in which that is told."""
=======
"""The checks of a hand-in: right results in double precision, a catalogue of mistakes, and how they are told apart."""
>>>>>>> wip-s1
