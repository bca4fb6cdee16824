"""The PBXs that the application is connected to: who gets their calls, and where their names lead."""
