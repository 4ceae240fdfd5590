CREATE TABLE `blocks` (
	`user_id` binary(16) NOT NULL,
	`other_id` binary(16) NOT NULL,
	`active` boolean NOT NULL,
	`version` int unsigned NOT NULL,
	CONSTRAINT `blocks_user_id_other_id_pk` PRIMARY KEY(`user_id`,`other_id`)
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
CREATE TABLE `notification_actors` (
	`notification_id` bigint unsigned NOT NULL,
	`actor_id` binary(16) NOT NULL,
	`position` bigint unsigned NOT NULL,
	CONSTRAINT `notification_actors_notification_id_actor_id_pk` PRIMARY KEY(`notification_id`,`actor_id`)
);
--> statement-breakpoint
CREATE TABLE `notifications` (
	`id` bigint unsigned NOT NULL,
	`user_id` binary(16) NOT NULL,
	`type` enum('like','reply','mention','repost','follow','payment','like-withdrawn') NOT NULL,
	`object_id` varchar(36) NOT NULL,
	`reason` varchar(40) NOT NULL,
	`subject_id` varchar(36),
	`actors_count` int unsigned NOT NULL,
	`latest_actors` json NOT NULL,
	`unread` boolean NOT NULL,
	`mail_pending` boolean NOT NULL,
	`position` bigint unsigned NOT NULL,
	`changed_at` datetime(3) NOT NULL,
	CONSTRAINT `notifications_id` PRIMARY KEY(`id`),
	CONSTRAINT `notifications_once` UNIQUE(`user_id`,`type`,`object_id`,`reason`)
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
CREATE TABLE `people` (
	`id` binary(16) NOT NULL,
	`username` varchar(30) NOT NULL,
	`display_name` varchar(200) NOT NULL,
	`avatar_url` varchar(2048),
	`deleted` boolean NOT NULL DEFAULT false,
	`version` int unsigned NOT NULL,
	CONSTRAINT `people_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `recipients` (
	`user_id` binary(16) NOT NULL,
	`position` bigint unsigned NOT NULL,
	`mail_due_at` datetime(3),
	CONSTRAINT `recipients_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
CREATE TABLE `settings` (
	`user_id` binary(16) NOT NULL,
	`type` enum('like','reply','mention','repost','follow','payment','like-withdrawn') NOT NULL,
	`delivery` enum('app','mail','off') NOT NULL,
	CONSTRAINT `settings_user_id_type_pk` PRIMARY KEY(`user_id`,`type`)
);
--> statement-breakpoint
CREATE INDEX `notification_actors_actor` ON `notification_actors` (`actor_id`);--> statement-breakpoint
CREATE INDEX `notifications_of_person` ON `notifications` (`user_id`,`position`);--> statement-breakpoint
CREATE INDEX `notifications_unread` ON `notifications` (`user_id`,`unread`,`position`);--> statement-breakpoint
CREATE INDEX `notifications_object` ON `notifications` (`object_id`);--> statement-breakpoint
CREATE INDEX `notifications_changed` ON `notifications` (`changed_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);--> statement-breakpoint
CREATE INDEX `recipients_mail_due` ON `recipients` (`mail_due_at`);