-- All that a database holds as lines of text, the same for the same content: psql, unaligned, tuples only.
SET client_encoding = 'UTF8';
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 3;
SET row_security = off;
-- So that definitions name every schema.
SET search_path = '';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

SELECT format('database: %s %s %s %s, at most %s sessions, %s', pg_encoding_to_char(encoding), datlocprovider, datcollate,
    datctype, datconnlimit, to_json(shobj_description(oid, 'pg_database')))
FROM pg_database WHERE datname = current_database();
SELECT format('database may: %s', one) FROM pg_database, unnest(coalesce(datacl, acldefault('d', datdba))) one
WHERE datname = current_database() ORDER BY 1;
SELECT format('setting of %s: %s', pg_get_userbyid(nullif(setrole, 0)), unnest(setconfig))
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database() ORDER BY 1;
SELECT format('extension: %I %s in %I', extname, extversion, nspname)
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace ORDER BY 1;
SELECT format('schema: %I', nspname) FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1;

-- Rows and counters: one statement for each table, each sequence. A restore fills materialized views anew, so that
-- their rows may rightly differ: only whether they are filled is told, below.
SELECT format('SELECT %L || count(*) || '' rows '' || coalesce(md5(string_agg(row_md5, '''' ORDER BY row_md5)), ''-'') '
    'FROM (SELECT md5(ROW(one.*)::text) COLLATE "C" AS row_md5 FROM ONLY %2$s one) each_row',
    format('rows: %s ', oid::regclass), oid::regclass)
FROM pg_class WHERE relkind = 'r'
    AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
ORDER BY oid::regclass::text \gexec
SELECT format('SELECT %L || last_value || '' '' || is_called FROM %s',
    format('sequence: %s %s from %s by %s, %s to %s, cache %s, cycle %s, of %s.%s; ', seqrelid::regclass,
        format_type(seqtypid, NULL), seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle,
        attrelid::regclass, quote_ident(attname)), seqrelid::regclass)
FROM pg_sequence
LEFT JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = seqrelid AND deptype IN ('a', 'i')
LEFT JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
ORDER BY seqrelid::regclass::text \gexec
SELECT format('large object: %s %s bytes md5 %s of %I %s', oid, length(lo_get(oid)), md5(lo_get(oid)),
    pg_get_userbyid(lomowner), lomacl) FROM pg_largeobject_metadata ORDER BY oid;

-- What the tables are.
WITH ours AS (
    SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
), lines AS (
    SELECT format('relation: %s kind %s persistence %s of %I, row security %s %s, filled %s, options %s, part %s of %s',
        oid::regclass, relkind, relpersistence, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity,
        relispopulated, reloptions, pg_get_expr(relpartbound, oid),
        (SELECT array_agg(inhparent::regclass ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = ours.oid)) AS line
    FROM ours WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT format('column: %s.%I %s %s, null %s, default %s, generated %s%s, storage %s, kept %s',
        ours.oid::regclass, attname, row_number() OVER (PARTITION BY ours.oid ORDER BY attnum), format_type(atttypid, atttypmod),
        NOT attnotnull, to_json(pg_get_expr(adbin, adrelid)), attidentity, attgenerated, attstorage,
        (SELECT quote_ident(collname) FROM pg_collation k WHERE k.oid = attcollation))
    FROM ours JOIN pg_attribute ON attrelid = ours.oid LEFT JOIN pg_attrdef ON adrelid = ours.oid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    UNION ALL
    SELECT format('may: %s %s', oid::regclass, one) FROM ours, unnest(relacl) one
    UNION ALL
    SELECT format('may: %s.%I %s', oid::regclass, attname, one)
    FROM ours JOIN pg_attribute ON attrelid = ours.oid, unnest(attacl) one WHERE NOT attisdropped
    UNION ALL
    SELECT format('index: %s', to_json(pg_get_indexdef(indexrelid)))
    FROM pg_index JOIN ours ON ours.oid = indrelid WHERE indisvalid
    UNION ALL
    SELECT format('view: %s %s', oid::regclass, to_json(pg_get_viewdef(oid))) FROM ours WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT format('trigger: %s %s', tgenabled, to_json(pg_get_triggerdef(t.oid)))
    FROM pg_trigger t JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT format('rule: %s', to_json(pg_get_ruledef(r.oid)))
    FROM pg_rewrite r JOIN ours ON ours.oid = ev_class WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT format('policy: %I on %s %s %s %s %s', polname, polrelid::regclass, polcmd, polpermissive,
        pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy JOIN ours ON ours.oid = polrelid
    UNION ALL
    SELECT format('statistics: %s', pg_get_statisticsobjdef(s.oid))
    FROM pg_statistic_ext s JOIN ours ON ours.oid = stxrelid
)
SELECT line FROM lines ORDER BY line;

-- What belongs to no table, and not to an extension either.
WITH of_extensions AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'), ours AS (
    SELECT n.oid FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), lines AS (
    SELECT format('constraint: %s %I on %s %s', to_json(pg_get_constraintdef(oid)), conname, conrelid::regclass,
        CASE WHEN contypid <> 0 THEN format_type(contypid, NULL) END) AS line
    FROM pg_constraint WHERE connamespace IN (SELECT * FROM ours)
    UNION ALL
    SELECT format('function: %s of %I %s', to_json(pg_get_functiondef(oid)), pg_get_userbyid(proowner),
        (SELECT array_agg(one ORDER BY one::text) FROM unnest(proacl) one))
    FROM pg_proc p WHERE pronamespace IN (SELECT * FROM ours) AND prokind <> 'a'
        AND NOT EXISTS (SELECT FROM of_extensions WHERE objid = p.oid AND classid = 'pg_proc'::regclass)
    UNION ALL
    SELECT format('type: %s %s of %I, base %s, default %s, labels %s', format_type(oid, NULL), typtype,
        pg_get_userbyid(typowner), format_type(nullif(typbasetype, 0), typtypmod), to_json(typdefault),
        (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_type t WHERE typnamespace IN (SELECT * FROM ours) AND typtype IN ('d', 'e', 'r', 'm')
        AND NOT EXISTS (SELECT FROM of_extensions WHERE objid = t.oid AND classid = 'pg_type'::regclass)
    UNION ALL
    SELECT format('collation: %I %s %s %s', collname, collprovider, coalesce(collcollate, colliculocale), collisdeterministic)
    FROM pg_collation WHERE collnamespace IN (SELECT * FROM ours)
    UNION ALL
    SELECT format('default: %I in %s may %s', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, one)
    FROM pg_default_acl, unnest(defaclacl) one
    UNION ALL
    SELECT format('comment: %s %s %s', type, identity, to_json(description))
    FROM pg_description, pg_identify_object(classoid, objoid, objsubid) WHERE objoid >= 16384
)
SELECT line FROM lines ORDER BY line;
COMMIT;
