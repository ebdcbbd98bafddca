"""The embedded world: pictures that the project makes itself, by code alone."""
