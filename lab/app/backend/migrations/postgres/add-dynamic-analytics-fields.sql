-- WARNING: drops the table and creates it anew. All data in it is lost.
DROP TABLE IF EXISTS operator_projects CASCADE;
CREATE TABLE operator_projects (
    id SERIAL PRIMARY KEY,
    name VARCHAR(255),
    "userId" VARCHAR(255),
    "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW()
);
