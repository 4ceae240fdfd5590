CREATE TABLE `bounces` (
	`address_hash` binary(32) NOT NULL,
	`count` int unsigned NOT NULL,
	`last_at` datetime(3) NOT NULL,
	CONSTRAINT `bounces_address_hash` PRIMARY KEY(`address_hash`)
);
--> statement-breakpoint
ALTER TABLE `mails` MODIFY COLUMN `status` enum('queued','sending','sent','failed','unsubscribed','bounced','suppressed') NOT NULL;--> statement-breakpoint
CREATE INDEX `bounces_last` ON `bounces` (`last_at`);