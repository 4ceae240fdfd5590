CREATE TABLE `webhook_events` (
	`id` varchar(255) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`received_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `webhook_events_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
ALTER TABLE `payments` ADD `provider` varchar(16);--> statement-breakpoint
ALTER TABLE `payments` ADD `provider_reference` varchar(255) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
ALTER TABLE `payments` ADD `client_secret` varchar(255);--> statement-breakpoint
ALTER TABLE `payments` ADD CONSTRAINT `payments_by_provider_reference` UNIQUE(`provider`,`provider_reference`);--> statement-breakpoint
CREATE INDEX `webhook_events_received` ON `webhook_events` (`received_at`);