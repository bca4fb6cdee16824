-- Tables of an application under PostgreSQL for what odd.mysql.sql holds: as Sequelize would make them there.
CREATE TABLE "oddUsers" (
    id serial PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    "isActive" boolean DEFAULT true,
    balance numeric(10, 4) NOT NULL DEFAULT 0,
    "createdAt" timestamptz NOT NULL,
    "updatedAt" timestamptz NOT NULL,
    "deletedAt" timestamptz
);
CREATE TABLE "Odd `Table` Name" ("select" integer, "пользователь" text, "a.b" text, "per cent %s" text);
CREATE TABLE "звонки" (id bigint PRIMARY KEY, "имя" varchar(64));
CREATE TABLE "oddempty" (id bigserial PRIMARY KEY, word text);
CREATE TYPE "oddMood" AS ENUM ('happy', 'it''s so-so', 'грустно', '');
CREATE TABLE "oddValues" (
    name varchar(20) PRIMARY KEY,
    big numeric(20),
    small smallint,
    exact numeric,
    single double precision,
    two double precision,
    flags numeric(20),
    flag boolean,
    day date,
    moment timestamp,
    stamp timestamptz,
    span text,
    in_year integer,
    mood "oddMood",
    some_of text
);
CREATE TABLE "oddTexts" (
    id integer PRIMARY KEY,
    written json,
    body text,
    bytes bytea,
    hash bytea,
    "some" bytea,
    old varchar(100),
    exactly varchar(100) CHECK (length(exactly) < 100)
);
CREATE TABLE "oddOld" (id integer, word char(10));
CREATE TABLE "oddCalls" (id integer, at date, PRIMARY KEY (id, at));
CREATE TABLE "oddEggs" (id integer PRIMARY KEY, "henId" integer, "insideId" integer REFERENCES "oddEggs" (id));
CREATE TABLE "oddHens" (id integer PRIMARY KEY, "eggId" integer REFERENCES "oddEggs" (id));
ALTER TABLE "oddEggs" ADD FOREIGN KEY ("henId") REFERENCES "oddHens" (id);
CREATE TABLE "oddJournal" (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, said varchar(200));
-- What acts by itself must not act when rows are carried over, and must act afterwards.
CREATE FUNCTION "oddNote"() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO "oddJournal" (said) VALUES ('hen ' || NEW.id); RETURN NEW; END $$;
CREATE TRIGGER "oddNote" AFTER INSERT ON "oddHens" FOR EACH ROW EXECUTE FUNCTION "oddNote"();
CREATE TABLE "oddOnlyHere" (word text);
INSERT INTO "oddOnlyHere" VALUES ('stays');
CREATE VIEW "oddUpon" AS SELECT id, email FROM "oddUsers";
