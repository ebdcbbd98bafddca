"""What the courses call, behind the names that their scripts and notebooks import (docs/courses.md)."""
