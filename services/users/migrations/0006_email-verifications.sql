CREATE TABLE `email_verifications` (
	`hash` char(64) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`email` varchar(320) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	`consumed_at` datetime(3),
	CONSTRAINT `email_verifications_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
ALTER TABLE `users` ADD `email_verified_at` datetime(3);--> statement-breakpoint
ALTER TABLE `users` ADD `pending_email` varchar(320);--> statement-breakpoint
CREATE INDEX `email_verifications_user` ON `email_verifications` (`user_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `email_verifications_expires` ON `email_verifications` (`expires_at`);