-- What needs pgvector: a column of vectors, and an index that is built anew by a restore.
BEGIN;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE TABLE public.odd_vectors (id integer PRIMARY KEY, embedding public.vector(8));
INSERT INTO public.odd_vectors
SELECT n, (SELECT array_agg(sin(n * m) ORDER BY m) FROM generate_series(1, 8) m)::real[]::public.vector
FROM generate_series(1, 50) n;
INSERT INTO public.odd_vectors VALUES (0, NULL);
CREATE INDEX odd_nearest ON public.odd_vectors USING hnsw (embedding public.vector_cosine_ops);
COMMIT;
