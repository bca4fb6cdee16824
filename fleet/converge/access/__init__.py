"""Who may log in, and changes of the way in that cannot lock anyone out."""
