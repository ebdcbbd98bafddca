"""The checks of a hand-in: right results in double precision, a catalogue of mistakes, and how they are told apart."""
