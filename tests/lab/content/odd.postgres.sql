-- What a production database may hold and a careless backup loses: everything small, nothing plain.
-- psql, into an empty corner of any database; odd.vector.sql adds what needs pgvector.
BEGIN;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL search_path = public;
SET LOCAL standard_conforming_strings = on;

CREATE SCHEMA "Архив 📦";
COMMENT ON SCHEMA "Архив 📦" IS 'it''s a schema; with "quotes", \ and
two lines';
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA "Архив 📦";

-- Types --------------------------------------------------------------------------------------------------------------
CREATE DOMAIN odd_percent AS numeric(5, 2) DEFAULT 50 CHECK (VALUE BETWEEN 0 AND 100);
CREATE TYPE odd_mood AS ENUM ('happy', 'it''s so-so', 'грустно', '😡');
ALTER TYPE odd_mood ADD VALUE 'between' AFTER 'happy';
CREATE TYPE "Архив 📦"."Пара" AS (left_side text, "правая" odd_percent);
CREATE COLLATION odd_caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- Names and texts ----------------------------------------------------------------------------------------------------
CREATE TABLE "Архив 📦"."Звонки ☎" (
    "номер" integer PRIMARY KEY,
    "имя 😀" text,
    U&"\00e9" text DEFAULT 'one character',
    U&"e\0301" text DEFAULT 'e and a combining accent',
    "عمود" text,
    "select" text,
    "a.b" text
);
COMMENT ON COLUMN "Архив 📦"."Звонки ☎"."عمود" IS 'من اليمين إلى اليسار';
INSERT INTO "Архив 📦"."Звонки ☎" VALUES
    (1, 'Ёжик в тумане', U&'\00e9', U&'e\0301', 'مرحبا بالعالم', '👩‍👩‍👧‍👦 🇷🇺', E'zero\u200bwidth, no-break\u00a0space'),
    (2, '', NULL, 'NULL', '\N', E'\\.\n\\.', 'trailing space '),
    (3, E'tab\t newline\n return\r backspace\b one\x01 backslash\\', '''', '"', '$$', '%s {} $1 `id`', '\x41'),
    (4, '𝕳𝖊𝖑𝖑𝖔', E'\uFEFFbyte order mark', 'ﷺ', 'שלום', 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L', '漢字');

CREATE TABLE "Table ""with"" Quotes" ("Id" integer, "back\slash" text, PRIMARY KEY ("Id"));
INSERT INTO "Table ""with"" Quotes" VALUES (1, 'C:\new'), (2, 'O''Brien');
CREATE TABLE " UPPER Case " (n integer);
INSERT INTO " UPPER Case " VALUES (1), (1), (NULL);
CREATE TABLE "order" ("user" integer);
CREATE TABLE "dots.in.name" (n integer);
INSERT INTO "dots.in.name" VALUES (7);
CREATE TABLE "имя_из_шестидесяти_трёх_байтов__яя_" (n integer);

CREATE TABLE odd_empty (id serial PRIMARY KEY, word text NOT NULL);
CREATE TABLE odd_without_columns ();
INSERT INTO odd_without_columns DEFAULT VALUES;
INSERT INTO odd_without_columns DEFAULT VALUES;

-- Values -------------------------------------------------------------------------------------------------------------
CREATE TABLE odd_values (name text, n numeric, f double precision, t timestamptz, d date, i interval);
INSERT INTO odd_values VALUES
    ('least', '-Infinity', '-Infinity', '-infinity', '-infinity', '-178000000 years'),
    ('most', 'Infinity', 'Infinity', 'infinity', 'infinity', '178000000 years'),
    ('none', 'NaN', 'NaN', '4713-01-01 00:00:00+00 BC', '4713-01-01 BC', '1 mon -1 day 00:00:00.000001'),
    ('fine', 1e-300, '4.9e-324', '2026-03-29 02:30:00.123456+00', '2024-02-29', '-1 year'),
    ('huge', 1e300, '1.7976931348623157e308', '294276-12-31 23:59:59.999999+00', '5874897-12-31', '0'),
    ('exact', 0.1000, '-0', '1883-11-18 12:03:58+00', '0001-01-01', NULL);

CREATE TABLE odd_documents (
    id integer PRIMARY KEY,
    as_written json,
    as_meant jsonb,
    grid integer[][],
    from_zero text[],
    labels "Архив 📦".hstore,
    pair "Архив 📦"."Пара",
    mail citext UNIQUE,
    during tstzrange,
    spans int4multirange,
    address inet,
    bits bit varying(9),
    words tsvector,
    place point,
    mark uuid,
    EXCLUDE USING gist (during WITH &&)
);
INSERT INTO odd_documents VALUES
    (1, E'{"b": 1,  "a": 1.10, "b": 2,\n "\\u00e9": "\\ud83d\\ude00"}', '{"b": 2, "a": 1.10, "": [null, {}]}',
     '{{1,2},{3,NULL}}', '[0:2]={"a, b","NULL",NULL}', '"k"=>"v", "ключ"=>NULL', ('l', 12.5), 'User@Example.COM',
     '[2026-01-01, 2026-02-01)', '{[1,3), [5,9)}', '2001:db8::1/64', '101', to_tsvector('simple', 'кот and cat'),
     '(1.5,-0)', '00000000-0000-0000-0000-000000000001'),
    (2, 'null', 'null', '{}', NULL, '', (NULL, NULL), '', 'empty', '{}', '10.0.0.0/8', '', '', NULL, NULL);

CREATE TABLE odd_bytes (id integer PRIMARY KEY, every_byte bytea);
INSERT INTO odd_bytes
SELECT 1, decode(string_agg(lpad(to_hex(n), 2, '0'), '' ORDER BY n), 'hex') FROM generate_series(0, 255) n;
INSERT INTO odd_bytes VALUES (2, ''), (3, NULL);

CREATE TABLE odd_long (name text PRIMARY KEY, body text);
ALTER TABLE odd_long ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO odd_long SELECT 'a mebibyte', string_agg(md5(n::text), '' ORDER BY n) FROM generate_series(1, 32768) n;
INSERT INTO odd_long VALUES ('one letter', repeat('я', 524288));

-- Counters ahead of their rows ---------------------------------------------------------------------------------------
CREATE TABLE odd_identity (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 5000000000 INCREMENT BY 7) PRIMARY KEY,
    twice integer GENERATED ALWAYS AS (n * 2) STORED,
    n integer,
    share odd_percent,
    mood odd_mood NOT NULL DEFAULT 'it''s so-so',
    CONSTRAINT "n is small; isn't it?" CHECK (n < 1000)
);
INSERT INTO odd_identity (n, share, mood) VALUES (1, 99.99, '😡'), (2, NULL, 'happy'), (NULL, DEFAULT, DEFAULT);
SELECT setval('odd_identity_id_seq', 9000000000);
CREATE TABLE odd_serial (id serial PRIMARY KEY, "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL);
INSERT INTO odd_serial ("createdAt", "updatedAt") VALUES ('2026-01-01 00:00+00', '2026-01-02 00:00+00');
SELECT setval('odd_serial_id_seq', 1000, false);
CREATE SEQUENCE "Архив 📦"."Счётчик" AS smallint INCREMENT BY -3 MINVALUE -300 MAXVALUE 300 START 300 CACHE 5 CYCLE;
SELECT nextval('"Архив 📦"."Счётчик"');
CREATE SEQUENCE odd_never_used;

-- References that go round in a circle -------------------------------------------------------------------------------
CREATE TABLE odd_egg (id integer PRIMARY KEY, hen integer NOT NULL, inside integer REFERENCES odd_egg);
CREATE TABLE odd_hen (
    id integer PRIMARY KEY,
    egg integer NOT NULL REFERENCES odd_egg ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE odd_egg ADD FOREIGN KEY (hen) REFERENCES odd_hen DEFERRABLE INITIALLY DEFERRED;
INSERT INTO odd_egg VALUES (1, 2, 3), (2, 1, 1), (3, 3, NULL);
INSERT INTO odd_hen VALUES (1, 2), (2, 1), (3, 3);
SET CONSTRAINTS ALL IMMEDIATE;

-- Parts --------------------------------------------------------------------------------------------------------------
CREATE TABLE odd_calls (id integer, at date, cost numeric, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE odd_calls_2025 PARTITION OF odd_calls FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE odd_calls_2026 PARTITION OF odd_calls FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
    PARTITION BY HASH (id);
CREATE TABLE odd_calls_2026_a PARTITION OF odd_calls_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE odd_calls_2026_b PARTITION OF odd_calls_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE odd_calls_else PARTITION OF odd_calls DEFAULT;
CREATE INDEX ON odd_calls (cost DESC NULLS LAST) INCLUDE (id) WHERE cost > 0;
INSERT INTO odd_calls SELECT n, date '2024-11-01' + n * 30, n FROM generate_series(1, 40) n;
CREATE TABLE odd_parent (n integer);
CREATE TABLE odd_child (extra text) INHERITS (odd_parent);
INSERT INTO odd_parent VALUES (1);
INSERT INTO odd_child VALUES (2, 'child'), (3, 'child');

-- What acts by itself: fired again by a restore, it would leave more rows than there were --------------------------------
CREATE TABLE odd_journal (id integer GENERATED BY DEFAULT AS IDENTITY, said text);
CREATE FUNCTION odd_note() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- $$ and '' in here
    INSERT INTO public.odd_journal (said) VALUES (format('%s in %I', TG_OP, TG_TABLE_NAME));
    RETURN NEW;
END
$body$;
COMMENT ON FUNCTION odd_note() IS 'функция';
CREATE FUNCTION odd_double(n integer) RETURNS integer IMMUTABLE BEGIN ATOMIC SELECT n * 2; END;
CREATE TABLE odd_watched (n integer CHECK (public.odd_double(n) < 2000), mail text COLLATE odd_caseless);
CREATE TRIGGER "odd note" AFTER INSERT OR UPDATE ON odd_watched FOR EACH ROW EXECUTE FUNCTION odd_note();
CREATE TRIGGER odd_asleep BEFORE DELETE ON odd_watched FOR EACH ROW EXECUTE FUNCTION odd_note();
ALTER TABLE odd_watched DISABLE TRIGGER odd_asleep;
ALTER TABLE odd_watched ENABLE ALWAYS TRIGGER "odd note";
INSERT INTO odd_watched VALUES (1, 'A'), (2, 'b');
CREATE INDEX odd_by_word ON odd_watched USING gin (mail gin_trgm_ops);
CREATE INDEX odd_by_expression ON odd_watched (odd_double(n), lower(mail));
CREATE STATISTICS odd_together (dependencies) ON n, mail FROM odd_watched;

-- Views on views -----------------------------------------------------------------------------------------------------
CREATE VIEW odd_view AS SELECT n, mail AS "почта" FROM odd_watched WHERE mail <> '';
CREATE VIEW "Архив 📦".odd_upon WITH (security_barrier) AS SELECT v."почта", count(*) AS "сколько"
FROM odd_view v LEFT JOIN odd_calls c ON c.id = v.n GROUP BY 1;
CREATE MATERIALIZED VIEW odd_kept AS SELECT "сколько", now() - now() AS zero FROM "Архив 📦".odd_upon;
CREATE UNIQUE INDEX ON odd_kept ("сколько", zero) WHERE false;
CREATE MATERIALIZED VIEW odd_kept_upon AS SELECT sum("сколько") AS total FROM odd_kept;
-- Older than what it is made of, and never filled: nobody may count on their rows.
INSERT INTO odd_watched VALUES (3, 'c');
CREATE MATERIALIZED VIEW odd_not_filled AS SELECT * FROM odd_kept WITH NO DATA;
CREATE RULE odd_ignore AS ON DELETE TO odd_view DO INSTEAD NOTHING;

-- Who may see what ---------------------------------------------------------------------------------------------------
CREATE TABLE odd_tenants (id integer PRIMARY KEY, tenant text NOT NULL, secret text);
INSERT INTO odd_tenants VALUES (1, 'a', 'of a'), (2, 'b', 'of b');
ALTER TABLE odd_tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE odd_tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY "only one's own" ON odd_tenants USING (tenant = current_setting('app.tenant', true));
GRANT SELECT (id, tenant) ON odd_tenants TO PUBLIC;
REVOKE EXECUTE ON FUNCTION odd_double(integer) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA "Архив 📦" GRANT SELECT ON TABLES TO PUBLIC;

-- Large objects ------------------------------------------------------------------------------------------------------
SELECT lo_from_bytea(990001, every_byte) FROM odd_bytes WHERE id = 1;
SELECT lo_from_bytea(990002, convert_to(body, 'UTF8')) FROM odd_long WHERE name = 'a mebibyte';
SELECT lo_create(990003);
-- A hole: bytes that were never written.
SELECT lo_put(990003, 100000, 'end');
COMMENT ON LARGE OBJECT 990001 IS 'каждый байт';
GRANT SELECT ON LARGE OBJECT 990001 TO PUBLIC;
COMMIT;
