CREATE TABLE `stream_entries` (
	`position` bigint unsigned NOT NULL,
	`post_id` bigint unsigned NOT NULL,
	CONSTRAINT `stream_entries_position` PRIMARY KEY(`position`),
	CONSTRAINT `stream_entries_post_id_unique` UNIQUE(`post_id`)
);
--> statement-breakpoint
CREATE TABLE `stream_head` (
	`id` int unsigned NOT NULL,
	`position` bigint unsigned NOT NULL,
	CONSTRAINT `stream_head_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
INSERT INTO `stream_head` (`id`, `position`) VALUES (1, 0);
