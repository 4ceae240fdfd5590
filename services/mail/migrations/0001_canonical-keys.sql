DROP INDEX `mails_address` ON `mails`;--> statement-breakpoint
ALTER TABLE `mails` MODIFY COLUMN `recipient` varchar(512) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `mails` ADD `address_key` varchar(512) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
CREATE INDEX `mails_address_key` ON `mails` (`address_key`,`id`);--> statement-breakpoint
-- The key of an ASCII address; the service also looks for others by their lower case.
UPDATE `mails` SET `address_key` = lower(`address`) WHERE `address` IS NOT NULL;
