"""The page in the browser: the same questions as the studies, asked by clicks."""
