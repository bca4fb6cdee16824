"""The images of a release: pulled or built, kept, restored, removed."""
