-- Those that issue invoices.
CREATE TABLE IF NOT EXISTS our_organizations (
    id SERIAL PRIMARY KEY,
    name VARCHAR(255),
    "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL,
    "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL
);
