CREATE TABLE `archives` (
	`id` binary(16) NOT NULL,
	`owner_id` binary(16) NOT NULL,
	`kind` enum('export','import') NOT NULL,
	`status` enum('pending','complete','failed') NOT NULL,
	`sha256` char(64),
	`size` bigint unsigned,
	`collections` json,
	`code` varchar(64),
	`created_at` datetime(3) NOT NULL,
	`finished_at` datetime(3),
	CONSTRAINT `archives_id` PRIMARY KEY(`id`)
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
CREATE INDEX `archives_of_owner` ON `archives` (`owner_id`,`kind`,`id`);--> statement-breakpoint
CREATE INDEX `archives_with_file` ON `archives` (`sha256`);--> statement-breakpoint
CREATE INDEX `archives_by_age` ON `archives` (`created_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);