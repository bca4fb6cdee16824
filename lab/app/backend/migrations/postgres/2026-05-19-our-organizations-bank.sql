-- Fails where the first start has made the column already.
ALTER TABLE our_organizations ADD COLUMN "bankName" VARCHAR(255) NULL;
