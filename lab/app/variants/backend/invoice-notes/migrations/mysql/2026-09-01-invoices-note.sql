-- A note on each invoice.
ALTER TABLE `invoices` ADD COLUMN `note` TEXT NULL;
