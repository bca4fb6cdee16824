"""The images of the lab: root file systems, recipes, downloads, stand-ins."""
