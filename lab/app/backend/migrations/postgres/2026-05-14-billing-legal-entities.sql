-- Legal entities that invoices are issued to.
CREATE TABLE IF NOT EXISTS legal_entities (
    id SERIAL PRIMARY KEY,
    "userId" INTEGER NOT NULL,
    name VARCHAR(255) NOT NULL
);
ALTER TABLE invoices ADD COLUMN IF NOT EXISTS "legalEntityId" INTEGER;
