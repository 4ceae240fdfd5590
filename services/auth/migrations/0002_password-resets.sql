CREATE TABLE `password_resets` (
	`hash` char(64) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `password_resets_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
ALTER TABLE `credentials` ADD `username_version` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `credentials` SET `username_version` = greatest(`version`, `credentials_version`);--> statement-breakpoint
ALTER TABLE `credentials` ADD `password_reset_at` datetime(3);--> statement-breakpoint
CREATE INDEX `password_resets_user` ON `password_resets` (`user_id`);--> statement-breakpoint
CREATE INDEX `password_resets_expires` ON `password_resets` (`expires_at`);