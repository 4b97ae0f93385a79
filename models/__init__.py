"""The generic anatomy and the subjects, as data (see SOURCES.md)."""
