"""The page's tabs, one module each: which controls, and what they are told. Nothing is computed here."""
