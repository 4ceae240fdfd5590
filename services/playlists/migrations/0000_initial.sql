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
CREATE TABLE `owners` (
	`id` binary(16) NOT NULL,
	`playlists_count` int unsigned NOT NULL,
	CONSTRAINT `owners_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `playlist_videos` (
	`playlist_id` binary(16) NOT NULL,
	`video_id` varchar(64) character set ascii collate ascii_bin NOT NULL,
	`position` varchar(255) character set ascii collate ascii_bin NOT NULL,
	`added_at` datetime(3) NOT NULL,
	CONSTRAINT `playlist_videos_playlist_id_video_id_pk` PRIMARY KEY(`playlist_id`,`video_id`)
);
--> statement-breakpoint
CREATE TABLE `playlists` (
	`id` binary(16) NOT NULL,
	`owner_id` binary(16) NOT NULL,
	`name` varchar(200) NOT NULL,
	`description` varchar(2000) NOT NULL,
	`visibility` enum('public','unlisted','private') NOT NULL,
	`version` int unsigned NOT NULL,
	`videos_count` int unsigned NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`updated_at` datetime(3) NOT NULL,
	CONSTRAINT `playlists_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE INDEX `playlist_videos_in_order` ON `playlist_videos` (`playlist_id`,`position`);--> statement-breakpoint
CREATE INDEX `playlists_of_owner` ON `playlists` (`owner_id`,`id`);