-- Legal entities that invoices are issued to.
CREATE TABLE IF NOT EXISTS `legal_entities` (
    `id` INT AUTO_INCREMENT PRIMARY KEY,
    `userId` INT NOT NULL,
    `name` VARCHAR(255) NOT NULL
);
ALTER TABLE `invoices` ADD COLUMN `legalEntityId` INT NULL;
