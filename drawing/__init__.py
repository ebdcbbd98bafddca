"""Arrays -> pictures: colours, grids, curves, tables, files. Nothing here knows a network."""
