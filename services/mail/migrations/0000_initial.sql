CREATE TABLE `mails` (
	`id` binary(16) NOT NULL,
	`event_id` binary(16) NOT NULL,
	`template` varchar(64) NOT NULL,
	`recipient` varchar(254) NOT NULL,
	`user_id` binary(16),
	`address` varchar(254),
	`name` varchar(200),
	`subject` varchar(255),
	`category` varchar(32),
	`status` enum('queued','sending','sent','failed','unsubscribed') NOT NULL,
	`attempts` int unsigned NOT NULL DEFAULT 0,
	`claimed_until` datetime(3),
	`reason` varchar(255),
	`created_at` datetime(3) NOT NULL,
	`sent_at` datetime(3),
	CONSTRAINT `mails_id` PRIMARY KEY(`id`),
	CONSTRAINT `mails_once` UNIQUE(`event_id`,`template`,`recipient`)
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
CREATE TABLE `unsubscriptions` (
	`address_hash` binary(32) NOT NULL,
	`category` varchar(32) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `unsubscriptions_address_hash_category_pk` PRIMARY KEY(`address_hash`,`category`)
);
--> statement-breakpoint
CREATE INDEX `mails_address` ON `mails` (`address`,`id`);--> statement-breakpoint
CREATE INDEX `mails_user` ON `mails` (`user_id`);--> statement-breakpoint
CREATE INDEX `mails_created` ON `mails` (`created_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);