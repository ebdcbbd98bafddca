"""All figures of this repository as one page, for a lecture."""
