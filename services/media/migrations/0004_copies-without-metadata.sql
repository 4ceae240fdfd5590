ALTER TABLE `media_version` ADD `copy_status` enum('pending','ready','refused') DEFAULT 'pending' NOT NULL;--> statement-breakpoint
ALTER TABLE `media_version` ADD `copy_sha256` binary(32);--> statement-breakpoint
ALTER TABLE `media_version` ADD `copy_size` bigint unsigned;--> statement-breakpoint
ALTER TABLE `media_version` ADD `copy_requested_at` datetime(3);--> statement-breakpoint
CREATE INDEX `media_version_copy` ON `media_version` (`copy_status`,`copy_requested_at`);