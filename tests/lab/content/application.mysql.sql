-- The application's own tables as Sequelize makes them in MySQL, with a year's rows.
CREATE TABLE roles (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, value varchar(255) UNIQUE, description varchar(255),
    createdAt datetime NOT NULL, updatedAt datetime NOT NULL);
INSERT INTO roles VALUES (1, 'ADMIN', 'admin', NOW(), NOW()), (2, 'USER', 'user', NOW(), NOW()),
    (3, 'OPERATOR', 'operator', NOW(), NOW());
CREATE TABLE users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, email varchar(255) UNIQUE, password varchar(255),
    name varchar(255), createdAt datetime NOT NULL, updatedAt datetime NOT NULL) AUTO_INCREMENT=900;
INSERT INTO users SELECT seq, CONCAT('user', seq, '@old.example'), SHA2(seq, 256), CONCAT('Анна № ', seq), NOW(), NOW()
    FROM seq_1_to_800;
INSERT INTO users VALUES (801, 'admin@aipbx.test', NULL, NULL, NOW(), NOW());
CREATE TABLE prices (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, userId int, realtime double, `text` double,
    createdAt datetime NOT NULL, updatedAt datetime NOT NULL);
INSERT INTO prices VALUES (1, 801, 0.77, 0.01, NOW(), NOW());
CREATE TABLE invoices (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, userId int, number varchar(255), total double,
    file varchar(255), createdAt datetime NOT NULL, updatedAt datetime NOT NULL);
INSERT INTO invoices SELECT seq, seq % 800 + 1, CONCAT('№ ', seq), seq / 7, CONCAT(seq, '.pdf'), NOW(), NOW()
    FROM seq_1_to_5000;
CREATE TABLE operator_projects (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(255), userId varchar(255),
    createdAt datetime NOT NULL, updatedAt datetime NOT NULL);
