ALTER TABLE `users` ADD `email_key` varchar(320) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
-- Exact for ASCII, where a character is a byte. The service derives the other keys when it starts (`fillEmailKeys`).
UPDATE `users` SET `email_key` = lower(trim(`email`)) WHERE length(`email`) = char_length(`email`);--> statement-breakpoint
ALTER TABLE `users` ADD CONSTRAINT `users_email_key` UNIQUE(`email_key`);--> statement-breakpoint
ALTER TABLE `users` MODIFY COLUMN `username` varchar(30) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
CREATE INDEX `users_email_prefix` ON `users` (`email`);--> statement-breakpoint
-- Its collation folds accents, so that it takes different addresses for one.
ALTER TABLE `users` DROP INDEX `users_email`;--> statement-breakpoint
ALTER TABLE `users` MODIFY COLUMN `email` varchar(320) NOT NULL;
