-- Headers that are sent with a project's webhook.
ALTER TABLE operator_projects ADD COLUMN IF NOT EXISTS "webhookHeaders" JSONB NOT NULL DEFAULT '{}'::jsonb;
