-- All that a database holds as lines of text, the same for the same content: mariadb, without column names, raw.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET sql_mode = '';
SET group_concat_max_len = 1048576;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;

SELECT CONCAT_WS(' ', 'database:', default_character_set_name, default_collation_name)
FROM information_schema.schemata WHERE schema_name = DATABASE();

DELIMITER //
BEGIN NOT ATOMIC
    -- Both halves of every row's hash, summed: the order does not matter, and a row that is there twice counts twice.
    FOR one IN (
        SELECT table_name AS name, CONCAT('`', REPLACE(table_name, '`', '``'), '`') AS quoted, GROUP_CONCAT(
            CONCAT('IFNULL(HEX(CAST(`', REPLACE(column_name, '`', '``'), '` AS BINARY)), ''-'')')
            ORDER BY ordinal_position) AS all_values
        FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' GROUP BY table_name ORDER BY table_name
    ) DO
        EXECUTE IMMEDIATE CONCAT('SELECT CONCAT_WS('' '', ''rows:'', ', QUOTE(one.name), ', COUNT(*),
            SUM(CAST(CONV(LEFT(hash, 16), 16, 10) AS DECIMAL(20))),
            SUM(CAST(CONV(RIGHT(hash, 16), 16, 10) AS DECIMAL(20))))
            FROM (SELECT MD5(CONCAT_WS('','', ', one.all_values, ')) AS hash FROM ', one.quoted, ') AS each_row');
        EXECUTE IMMEDIATE CONCAT('SHOW CREATE TABLE ', one.quoted);
    END FOR;
    FOR one IN (
        SELECT routine_type AS kind, CONCAT('`', REPLACE(routine_name, '`', '``'), '`') AS quoted
        FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY routine_name
    ) DO
        EXECUTE IMMEDIATE CONCAT('SHOW CREATE ', one.kind, ' ', one.quoted);
    END FOR;
END //
DELIMITER ;

-- A view names its tables with their database, wherever it is restored.
SELECT CONCAT_WS(' ', 'view:', table_name, REPLACE(view_definition, CONCAT('`', DATABASE(), '`.'), ''), check_option,
    definer, security_type, algorithm, character_set_client, collation_connection)
FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY table_name;
SELECT CONCAT_WS(' ', 'trigger:', trigger_name, action_timing, event_manipulation, event_object_table, action_order,
    definer, sql_mode, action_statement)
FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY trigger_name;
SELECT CONCAT_WS(' ', 'event:', event_name, status, event_type, execute_at, interval_value, interval_field, starts, ends,
    on_completion, time_zone, definer, sql_mode, event_comment, event_definition)
FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
COMMIT;
