CREATE TABLE `category` (
	`id` binary(16) NOT NULL,
	`parent_id` binary(16),
	`siblings_of` binary(16) NOT NULL,
	`title` varchar(120) NOT NULL,
	`slug` varchar(80) NOT NULL,
	`level` int unsigned NOT NULL,
	`path` varchar(1000) NOT NULL,
	`created_by` binary(16) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `category_id` PRIMARY KEY(`id`),
	CONSTRAINT `category_slug` UNIQUE(`siblings_of`,`slug`)
);
--> statement-breakpoint
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
CREATE TABLE `media` (
	`id` binary(16) NOT NULL,
	`owner_id` binary(16) NOT NULL,
	`bucket_name` varchar(63) NOT NULL,
	`category_id` binary(16),
	`visibility` enum('public','private') NOT NULL,
	`current_version` int unsigned NOT NULL,
	`latest_version` int unsigned NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`updated_at` datetime(3) NOT NULL,
	CONSTRAINT `media_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `media_avatar` (
	`owner_id` binary(16) NOT NULL,
	`media_id` binary(16) NOT NULL,
	CONSTRAINT `media_avatar_owner_id` PRIMARY KEY(`owner_id`)
);
--> statement-breakpoint
CREATE TABLE `media_blob` (
	`sha256` binary(32) NOT NULL,
	`size` bigint unsigned NOT NULL,
	`reference_count` int unsigned NOT NULL,
	CONSTRAINT `media_blob_sha256` PRIMARY KEY(`sha256`)
);
--> statement-breakpoint
CREATE TABLE `media_size` (
	`media_id` binary(16) NOT NULL,
	`version` int unsigned NOT NULL,
	`name` enum('thumb','small','medium','large') NOT NULL,
	`type` varchar(32) NOT NULL,
	`sha256` binary(32) NOT NULL,
	`size` bigint unsigned NOT NULL,
	`width` int unsigned NOT NULL,
	`height` int unsigned NOT NULL,
	CONSTRAINT `media_size_media_id_version_name_type_pk` PRIMARY KEY(`media_id`,`version`,`name`,`type`)
);
--> statement-breakpoint
CREATE TABLE `media_tag` (
	`id` binary(16) NOT NULL,
	`name` varchar(64) NOT NULL,
	CONSTRAINT `media_tag_id` PRIMARY KEY(`id`),
	CONSTRAINT `media_tag_name` UNIQUE(`name`)
);
--> statement-breakpoint
CREATE TABLE `media_tags_media` (
	`media_id` binary(16) NOT NULL,
	`tag_id` binary(16) NOT NULL,
	CONSTRAINT `media_tags_media_media_id_tag_id_pk` PRIMARY KEY(`media_id`,`tag_id`)
);
--> statement-breakpoint
CREATE TABLE `media_usage` (
	`owner_id` binary(16) NOT NULL,
	`bytes` bigint unsigned NOT NULL,
	CONSTRAINT `media_usage_owner_id` PRIMARY KEY(`owner_id`)
);
--> statement-breakpoint
CREATE TABLE `media_version` (
	`media_id` binary(16) NOT NULL,
	`version` int unsigned NOT NULL,
	`file_name` varchar(255) NOT NULL,
	`sha256` binary(32) NOT NULL,
	`size` bigint unsigned NOT NULL,
	`type` varchar(100) NOT NULL,
	`status` enum('processing','ready','rejected') NOT NULL,
	`code` varchar(64),
	`width` int unsigned,
	`height` int unsigned,
	`frames` int unsigned,
	`thumbhash` varchar(64),
	`dominant_color` varchar(7),
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `media_version_media_id_version_pk` PRIMARY KEY(`media_id`,`version`)
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
CREATE INDEX `media_owner` ON `media` (`owner_id`,`id`);--> statement-breakpoint
CREATE INDEX `media_category` ON `media` (`category_id`,`id`);--> statement-breakpoint
CREATE INDEX `media_visibility` ON `media` (`visibility`,`id`);--> statement-breakpoint
CREATE INDEX `media_blob_references` ON `media_blob` (`reference_count`);--> statement-breakpoint
CREATE INDEX `media_tags_media_tag` ON `media_tags_media` (`tag_id`,`media_id`);--> statement-breakpoint
CREATE INDEX `media_version_status` ON `media_version` (`status`,`created_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);