-- What a database of aiPBX under MySQL may hold, as Sequelize makes it and as years leave it: everything small,
-- nothing plain. mariadb, into an empty corner of any database.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
SET group_concat_max_len = 2097152;

-- Names, and the counters ahead of the rows ------------------------------------------------------------------------
CREATE TABLE oddUsers (
    id int(11) NOT NULL AUTO_INCREMENT,
    email varchar(255) NOT NULL,
    isActive tinyint(1) DEFAULT 1,
    balance decimal(10, 4) NOT NULL DEFAULT 0.0000,
    createdAt datetime NOT NULL,
    updatedAt datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    deletedAt datetime DEFAULT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY email (email),
    KEY users_email_prefix (email(10), createdAt)
) ENGINE=InnoDB AUTO_INCREMENT=5000 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='it''s "users" \\ пользователи';
INSERT INTO oddUsers VALUES
    (0, 'zero@example.com', 0, -0.0001, '2026-01-01 00:00:00', '2026-01-01 00:00:00.123', NULL),
    (1, 'Ёжик@пример.рф', 1, 123456.7899, '2026-03-29 02:30:00', '2026-03-29 02:30:00.999', '2026-04-01 00:00:00'),
    (2, 'o''brien "\\"@example.com', 2, 0, '0000-00-00 00:00:00', '2024-02-29 23:59:59.000', '0000-00-00 00:00:00'),
    (3, '', -128, 0, '2026-00-00 00:00:00', '1000-01-01 00:00:00.000', NULL);

CREATE TABLE `Odd ``Table`` Name` (`select` int, `пользователь` text, `a.b` text, `per cent %s` text);
INSERT INTO `Odd ``Table`` Name` VALUES (1, 'один', '', NULL), (1, 'один', '', NULL), (NULL, 'NULL', '\\N', '%s {} $1');
CREATE TABLE `звонки` (id int unsigned NOT NULL PRIMARY KEY, `имя` varchar(64) COMMENT 'комментарий');
INSERT INTO `звонки` VALUES (1, '👩‍👩‍👧‍👦 𝕳𝖊𝖑𝖑𝖔 مرحبا'), (2, CONCAT('e', CHAR(0xCC81 USING utf8mb4))), (4294967295, CHAR(0xC3A9 USING utf8mb4));
CREATE TABLE oddEmpty (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, word text) AUTO_INCREMENT=18446744073709551000;

-- Values ------------------------------------------------------------------------------------------------------------
CREATE TABLE oddValues (
    name varchar(20) NOT NULL PRIMARY KEY,
    big bigint unsigned,
    small tinyint,
    exact decimal(65, 30),
    single float,
    two double,
    flags bit(64),
    flag bit(1),
    day date,
    moment datetime(6),
    stamp timestamp(6) NULL,
    span time(6),
    in_year year,
    mood enum('happy', 'it''s so-so', 'грустно', ''),
    some_of set('a', 'b', 'c d')
);
INSERT INTO oddValues VALUES
    ('most', 18446744073709551615, 127, '99999999999999999999999999999999999.999999999999999999999999999999', 3.40282e38,
     1.7976931348623157e308, b'1111111111111111111111111111111111111111111111111111111111111111', b'1', '9999-12-31',
     '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '838:59:59.999999', 2155, 'грустно', 'a,c d'),
    ('least', 0, -128, '-99999999999999999999999999999999999.999999999999999999999999999999', -3.40282e38,
     -1.7976931348623157e308, 0, b'0', '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '-838:59:59.999999',
     0, 'no such mood', ''),
    ('fine', 9223372036854775808, 0, '0.000000000000000000000000000001', 0.1, 5e-324, 1, b'0', '2024-02-29',
     '2026-12-31 23:59:59.000001', '1970-01-01 00:00:01', '00:00:00.000001', 1901, 'it''s so-so', 'b'),
    ('nothing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE oddTexts (
    id int NOT NULL PRIMARY KEY,
    written json,
    body longtext,
    bytes longblob,
    hash binary(16),
    some varbinary(300),
    old varchar(100) CHARACTER SET cp1251,
    exactly varchar(100) COLLATE utf8mb4_bin,
    FULLTEXT KEY body_words (body),
    CONSTRAINT `it's short` CHECK (CHAR_LENGTH(exactly) < 100)
);
INSERT INTO oddTexts (id, bytes) SELECT 1, UNHEX(GROUP_CONCAT(LPAD(HEX(seq), 2, '0') ORDER BY seq SEPARATOR '')) FROM seq_0_to_255;
UPDATE oddTexts SET some = bytes, hash = UNHEX('FF000000000000000000000000000000'), old = 'Привет №',
    written = '{"b": 1,  "a": [1.10, "é\\u00e9", null], "b": "\\""}', exactly = 'Case ', body = '' WHERE id = 1;
INSERT INTO oddTexts (id, body, bytes, exactly) SELECT 2, GROUP_CONCAT(SHA2(seq, 512) ORDER BY seq SEPARATOR ''),
    UNHEX(GROUP_CONCAT(SHA2(-seq, 512) ORDER BY seq SEPARATOR '')), 'case' FROM seq_1_to_8192;
INSERT INTO oddTexts (id, body, some, written) VALUES
    (3, 'tab\t newline\n return\r nul\0 ctrl-z\Z backspace\b backslash\\ '' " ` -- # /* ; DELIMITER', '', 'null'),
    (4, 'INSERT INTO oddTexts VALUES (1);\n-- Dump completed on 2026-11-23', '\\0\0', '"😀"'), (5, NULL, NULL, NULL);

CREATE TABLE oddComputed (
    net decimal(10, 2) NOT NULL,
    gross decimal(12, 2) AS (net * 1.20) STORED,
    label varchar(40) AS (CONCAT('№ ', net)) VIRTUAL,
    madeBy varchar(36) NOT NULL DEFAULT (CONCAT('a', '-', 'b')),
    place point,
    KEY by_gross (gross)
);
INSERT INTO oddComputed (net, place) VALUES (10.05, POINT(1.5, -2)), (0, NULL);
CREATE TABLE oddOld (id int, word char(10), KEY (id)) ENGINE=MyISAM DEFAULT CHARSET=latin1;
INSERT INTO oddOld VALUES (1, 'café'), (NULL, NULL);
CREATE TABLE oddCalls (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at))
    (PARTITION until2025 VALUES LESS THAN (2026), PARTITION later VALUES LESS THAN MAXVALUE);
INSERT INTO oddCalls SELECT seq, DATE '2025-06-01' + INTERVAL seq * 30 DAY FROM seq_1_to_20;

-- References that go round in a circle --------------------------------------------------------------------------------
CREATE TABLE oddEggs (id int NOT NULL PRIMARY KEY, henId int, insideId int,
    CONSTRAINT eggs_inside FOREIGN KEY (insideId) REFERENCES oddEggs (id) ON DELETE SET NULL);
CREATE TABLE oddHens (id int NOT NULL PRIMARY KEY, eggId int,
    CONSTRAINT hens_egg FOREIGN KEY (eggId) REFERENCES oddEggs (id) ON DELETE CASCADE ON UPDATE CASCADE);
ALTER TABLE oddEggs ADD CONSTRAINT eggs_hen FOREIGN KEY (henId) REFERENCES oddHens (id);
SET foreign_key_checks = 0;
INSERT INTO oddEggs VALUES (1, 2, 3), (2, 1, 1), (3, 3, NULL);
INSERT INTO oddHens VALUES (1, 2), (2, 1), (3, 3);
SET foreign_key_checks = 1;

-- Views, of which the first is made of the last -----------------------------------------------------------------------
CREATE VIEW oddZView AS SELECT id, email AS `почта` FROM oddUsers WHERE email <> '' WITH CHECK OPTION;
CREATE SQL SECURITY INVOKER VIEW oddAView AS SELECT v.`почта`, COUNT(c.id) AS calls FROM oddZView v
    LEFT JOIN oddCalls c ON c.id = v.id GROUP BY v.`почта`;

-- What acts by itself: fired again by a restore, it would leave more rows than there were ---------------------------------
CREATE TABLE oddJournal (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, said varchar(200));
CREATE FUNCTION oddDouble(n int) RETURNS int DETERMINISTIC RETURN n * 2;
DELIMITER //
CREATE TRIGGER oddNote AFTER INSERT ON oddHens FOR EACH ROW
BEGIN
    -- a comment; with a semicolon
    INSERT INTO oddJournal (said) VALUES (CONCAT('hen ', oddDouble(NEW.id), ' — новая'));
END //
CREATE PROCEDURE oddClean(IN days int) COMMENT 'убирает'
BEGIN
    DELETE FROM oddJournal WHERE id < 0 AND days > 0;
END //
CREATE EVENT oddNightly ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01 03:00:00' DISABLE DO CALL oddClean(30) //
DELIMITER ;
INSERT INTO oddHens VALUES (4, NULL);
