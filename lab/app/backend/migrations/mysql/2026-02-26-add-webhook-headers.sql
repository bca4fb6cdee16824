-- Headers that are sent with a project's webhook.
ALTER TABLE `operator_projects` ADD COLUMN `webhookHeaders` JSON NULL;
