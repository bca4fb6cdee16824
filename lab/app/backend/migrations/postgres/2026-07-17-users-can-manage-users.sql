-- Who may manage the users of their own organization.
ALTER TABLE users ADD COLUMN IF NOT EXISTS "canManageUsers" BOOLEAN NOT NULL DEFAULT FALSE;
