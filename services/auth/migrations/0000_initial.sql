CREATE TABLE `credentials` (
	`user_id` binary(16) NOT NULL,
	`username` varchar(30),
	`email` varchar(320),
	`password_hash` varchar(255),
	`active` boolean NOT NULL DEFAULT true,
	`version` int unsigned NOT NULL,
	`credentials_version` int unsigned NOT NULL DEFAULT 0,
	`roles` json,
	`permissions` json,
	`erased_at` datetime(3),
	CONSTRAINT `credentials_user_id` PRIMARY KEY(`user_id`)
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
CREATE TABLE `refresh_tokens` (
	`hash` char(64) NOT NULL,
	`session_id` binary(16) NOT NULL,
	`used_at` datetime(3),
	CONSTRAINT `refresh_tokens_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `revoked_tokens` (
	`kind` enum('token','session','user') NOT NULL,
	`subject` binary(16) NOT NULL,
	`issued_until` int unsigned NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `revoked_tokens_kind_subject_pk` PRIMARY KEY(`kind`,`subject`)
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` binary(16) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`address` varchar(45) NOT NULL,
	`user_agent` varchar(255),
	`created_at` datetime(3) NOT NULL,
	`last_used_at` datetime(3) NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	`ends_at` datetime(3) NOT NULL,
	`ended_at` datetime(3),
	CONSTRAINT `sessions_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `signing_keys` (
	`algorithm` varchar(10) NOT NULL,
	`generation` int unsigned NOT NULL,
	`kid` varchar(64) NOT NULL,
	`public_key` json NOT NULL,
	`sealed_private_key` text NOT NULL,
	`active_from` datetime(3) NOT NULL,
	CONSTRAINT `signing_keys_algorithm_generation_pk` PRIMARY KEY(`algorithm`,`generation`)
);
--> statement-breakpoint
CREATE INDEX `credentials_username` ON `credentials` (`username`);--> statement-breakpoint
CREATE INDEX `credentials_email` ON `credentials` (`email`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);--> statement-breakpoint
CREATE INDEX `refresh_tokens_session` ON `refresh_tokens` (`session_id`);--> statement-breakpoint
CREATE INDEX `revoked_tokens_expires` ON `revoked_tokens` (`expires_at`);--> statement-breakpoint
CREATE INDEX `sessions_user` ON `sessions` (`user_id`,`ended_at`);--> statement-breakpoint
CREATE INDEX `sessions_expires` ON `sessions` (`expires_at`);