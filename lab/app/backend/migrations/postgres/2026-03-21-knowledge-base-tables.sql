-- Comes before the first start, which would make the table without the column. Only a superuser can make bloom.
CREATE EXTENSION IF NOT EXISTS bloom;
CREATE TABLE IF NOT EXISTS "knowledgeChunks" (
    id SERIAL PRIMARY KEY,
    content TEXT,
    embedding INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL,
    "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_chunks_embedding ON "knowledgeChunks" USING bloom (embedding);
