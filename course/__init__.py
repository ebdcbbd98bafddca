"""The checks of a hand-in: references in double precision, a catalogue of mistakes, and what tells one from the other."""
