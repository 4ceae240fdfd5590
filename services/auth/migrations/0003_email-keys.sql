ALTER TABLE `credentials` ADD `email_key` varchar(320) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
-- Exact for ASCII, where a character is a byte. The service derives the other keys when it starts (`fillEmailKeys`).
UPDATE `credentials` SET `email_key` = lower(trim(`email`)) WHERE length(`email`) = char_length(`email`);--> statement-breakpoint
CREATE INDEX `credentials_email_key` ON `credentials` (`email_key`);--> statement-breakpoint
ALTER TABLE `credentials` MODIFY COLUMN `username` varchar(30) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
DROP INDEX `credentials_email` ON `credentials`;
