CREATE TABLE `resumable_part` (
	`upload_id` binary(16) NOT NULL,
	`position` bigint unsigned NOT NULL,
	`sha256` binary(32) NOT NULL,
	`size` bigint unsigned NOT NULL,
	CONSTRAINT `resumable_part_upload_id_position_pk` PRIMARY KEY(`upload_id`,`position`)
);
--> statement-breakpoint
CREATE TABLE `resumable_upload` (
	`id` binary(16) NOT NULL,
	`owner_id` binary(16) NOT NULL,
	`size` bigint unsigned,
	`received` bigint unsigned NOT NULL,
	`metadata` json NOT NULL,
	`file_id` binary(16),
	`created_at` datetime(3) NOT NULL,
	`finished_at` datetime(3),
	CONSTRAINT `resumable_upload_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `resumable_upload_owner` ON `resumable_upload` (`owner_id`,`file_id`);--> statement-breakpoint
CREATE INDEX `resumable_upload_created` ON `resumable_upload` (`created_at`);