-- The first statement is good, the second is not: only a transaction leaves nothing behind.
ALTER TABLE invoices ADD COLUMN paid BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE invoices SET paid = TRUE WHERE "noSuchColumn" = 1;
