-- A note on each invoice.
ALTER TABLE invoices ADD COLUMN IF NOT EXISTS note TEXT;
