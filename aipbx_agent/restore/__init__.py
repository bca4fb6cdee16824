"""A restore: find, load, try, swap, undo, discard."""
