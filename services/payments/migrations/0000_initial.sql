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
CREATE TABLE `payment_events` (
	`payment_id` binary(16) NOT NULL,
	`version` int unsigned NOT NULL,
	`state` enum('pending','processing','succeeded','failed','canceled','refunded') NOT NULL,
	`occurred_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `payment_events_payment_id_version_pk` PRIMARY KEY(`payment_id`,`version`)
);
--> statement-breakpoint
CREATE TABLE `payments` (
	`id` binary(16) NOT NULL,
	`user_id` binary(16),
	`account_id` binary(16),
	`amount` bigint NOT NULL,
	`currency` char(3) NOT NULL,
	`description` varchar(300) NOT NULL,
	`payment_method` varchar(64) NOT NULL,
	`state` enum('pending','processing','succeeded','failed','canceled','refunded') NOT NULL,
	`failure_code` varchar(80),
	`transfer_id` binary(16),
	`version` int unsigned NOT NULL DEFAULT 1,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	`updated_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `payments_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `provider_charges` (
	`idempotency_key` binary(16) NOT NULL,
	`payment_method` varchar(64) NOT NULL,
	`amount` varchar(32) NOT NULL,
	`currency` char(3) NOT NULL,
	`state` enum('attempted','succeeded','declined','refunded') NOT NULL,
	`attempts` int unsigned NOT NULL,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `provider_charges_idempotency_key` PRIMARY KEY(`idempotency_key`)
);
--> statement-breakpoint
CREATE TABLE `refunds` (
	`id` binary(16) NOT NULL,
	`payment_id` binary(16) NOT NULL,
	`state` enum('pending','succeeded','failed') NOT NULL,
	`failure_code` varchar(80),
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	`updated_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `refunds_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);--> statement-breakpoint
CREATE INDEX `payments_of_user` ON `payments` (`user_id`,`id`);--> statement-breakpoint
CREATE INDEX `payments_overdue` ON `payments` (`state`,`updated_at`);--> statement-breakpoint
CREATE INDEX `refunds_of_payment` ON `refunds` (`payment_id`,`id`);--> statement-breakpoint
CREATE INDEX `refunds_overdue` ON `refunds` (`state`,`updated_at`);