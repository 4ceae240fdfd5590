CREATE TABLE `idempotency_keys` (
	`id` binary(32) NOT NULL,
	`body_hash` binary(32) NOT NULL,
	`status` smallint unsigned,
	`headers` json,
	`body` mediumtext,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `idempotency_keys_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `invoice_numbers` (
	`year` int NOT NULL,
	`last` int unsigned NOT NULL,
	CONSTRAINT `invoice_numbers_year` PRIMARY KEY(`year`)
);
--> statement-breakpoint
CREATE TABLE `invoices` (
	`id` binary(16) NOT NULL,
	`number` varchar(40) NOT NULL,
	`user_id` binary(16),
	`payment_id` binary(16),
	`amount` bigint NOT NULL,
	`currency` char(3) NOT NULL,
	`lines` json NOT NULL,
	`state` enum('open','paid') NOT NULL,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	`paid_at` datetime(3),
	CONSTRAINT `invoices_id` PRIMARY KEY(`id`),
	CONSTRAINT `invoices_number` UNIQUE(`number`),
	CONSTRAINT `invoices_of_payment` UNIQUE(`payment_id`)
);
--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` bigint unsigned AUTO_INCREMENT NOT NULL,
	`message_id` binary(16) NOT NULL,
	`aggregate_type` varchar(64) NOT NULL,
	`aggregate_id` varchar(128) NOT NULL,
	`aggregate_version` bigint unsigned NOT NULL,
	`destination` enum('rabbitmq','beanstalkd') NOT NULL,
	`name` varchar(128) NOT NULL,
	`payload` mediumtext NOT NULL,
	`erase_payload` boolean NOT NULL,
	`headers` json NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`available_at` datetime(3) NOT NULL,
	`sent_at` datetime(3),
	`attempts` int unsigned NOT NULL DEFAULT 0,
	`last_error` varchar(500),
	CONSTRAINT `outbox_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE INDEX `invoices_of_user` ON `invoices` (`user_id`,`id`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);