CREATE TABLE `blocks` (
	`user_id` binary(16) NOT NULL,
	`other_id` binary(16) NOT NULL,
	`active` boolean NOT NULL,
	`version` int unsigned NOT NULL,
	CONSTRAINT `blocks_user_id_other_id_pk` PRIMARY KEY(`user_id`,`other_id`)
);
--> statement-breakpoint
CREATE TABLE `follows` (
	`follower_id` binary(16) NOT NULL,
	`followee_id` binary(16) NOT NULL,
	`active` boolean NOT NULL,
	`version` int unsigned NOT NULL,
	`since` bigint unsigned NOT NULL,
	CONSTRAINT `follows_follower_id_followee_id_pk` PRIMARY KEY(`follower_id`,`followee_id`)
);
--> statement-breakpoint
CREATE TABLE `inbox` (
	`consumer` varchar(64) NOT NULL,
	`message_id` binary(16) NOT NULL,
	`received_at` datetime(3) NOT NULL,
	CONSTRAINT `inbox_consumer_message_id_pk` PRIMARY KEY(`consumer`,`message_id`)
);
--> statement-breakpoint
CREATE TABLE `mutes` (
	`user_id` binary(16) NOT NULL,
	`other_id` binary(16) NOT NULL,
	`active` boolean NOT NULL,
	`version` int unsigned NOT NULL,
	CONSTRAINT `mutes_user_id_other_id_pk` PRIMARY KEY(`user_id`,`other_id`)
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
CREATE TABLE `permissions` (
	`id` binary(16) NOT NULL,
	`name` varchar(80) NOT NULL,
	`description` varchar(255) NOT NULL DEFAULT '',
	CONSTRAINT `permissions_id` PRIMARY KEY(`id`),
	CONSTRAINT `permissions_name` UNIQUE(`name`)
);
--> statement-breakpoint
CREATE TABLE `role_permissions` (
	`role_id` binary(16) NOT NULL,
	`permission_id` binary(16) NOT NULL,
	CONSTRAINT `role_permissions_role_id_permission_id_pk` PRIMARY KEY(`role_id`,`permission_id`)
);
--> statement-breakpoint
CREATE TABLE `roles` (
	`id` binary(16) NOT NULL,
	`name` varchar(64) NOT NULL,
	`description` varchar(255) NOT NULL DEFAULT '',
	CONSTRAINT `roles_id` PRIMARY KEY(`id`),
	CONSTRAINT `roles_name` UNIQUE(`name`)
);
--> statement-breakpoint
CREATE TABLE `user_roles` (
	`user_id` binary(16) NOT NULL,
	`role_id` binary(16) NOT NULL,
	CONSTRAINT `user_roles_user_id_role_id_pk` PRIMARY KEY(`user_id`,`role_id`)
);
--> statement-breakpoint
CREATE TABLE `users` (
	`id` binary(16) NOT NULL,
	`username` varchar(30) NOT NULL,
	`email` varchar(254) NOT NULL,
	`display_name` varchar(80) NOT NULL,
	`first_name` varchar(80),
	`last_name` varchar(80),
	`phone_number` varchar(20),
	`date_of_birth` date,
	`bio` varchar(500) NOT NULL DEFAULT '',
	`locale` varchar(35) NOT NULL DEFAULT 'en',
	`avatar_url` varchar(2048),
	`active` boolean NOT NULL DEFAULT true,
	`version` int unsigned NOT NULL DEFAULT 1,
	`followers_count` int unsigned NOT NULL DEFAULT 0,
	`followees_count` int unsigned NOT NULL DEFAULT 0,
	`posts_count` int unsigned NOT NULL DEFAULT 0,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `users_id` PRIMARY KEY(`id`),
	CONSTRAINT `users_username` UNIQUE(`username`),
	CONSTRAINT `users_email` UNIQUE(`email`)
);
--> statement-breakpoint
CREATE INDEX `follows_followees` ON `follows` (`follower_id`,`active`,`since`);--> statement-breakpoint
CREATE INDEX `follows_followers` ON `follows` (`followee_id`,`active`,`since`);--> statement-breakpoint
CREATE INDEX `inbox_received` ON `inbox` (`received_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);