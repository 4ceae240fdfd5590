CREATE TABLE `blocks` (
	`user_id` binary(16) NOT NULL,
	`other_id` binary(16) NOT NULL,
	`active` boolean NOT NULL,
	`version` int unsigned NOT NULL,
	CONSTRAINT `blocks_user_id_other_id_pk` PRIMARY KEY(`user_id`,`other_id`)
);
--> statement-breakpoint
CREATE TABLE `bookmarks` (
	`user_id` binary(16) NOT NULL,
	`post_id` bigint unsigned NOT NULL,
	`since` bigint unsigned NOT NULL,
	CONSTRAINT `bookmarks_user_id_post_id_pk` PRIMARY KEY(`user_id`,`post_id`)
);
--> statement-breakpoint
CREATE TABLE `follows` (
	`follower_id` binary(16) NOT NULL,
	`followee_id` binary(16) NOT NULL,
	`active` boolean NOT NULL,
	`version` int unsigned NOT NULL,
	CONSTRAINT `follows_follower_id_followee_id_pk` PRIMARY KEY(`follower_id`,`followee_id`)
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
CREATE TABLE `people` (
	`id` binary(16) NOT NULL,
	`username` varchar(30) NOT NULL,
	`display_name` varchar(200) NOT NULL,
	`avatar_url` varchar(2048),
	`deleted` boolean NOT NULL DEFAULT false,
	`version` int unsigned NOT NULL,
	`merged_at_read` boolean NOT NULL DEFAULT false,
	CONSTRAINT `people_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `post_hashtags` (
	`tag` varchar(100) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`post_id` bigint unsigned NOT NULL,
	CONSTRAINT `post_hashtags_tag_post_id_pk` PRIMARY KEY(`tag`,`post_id`)
);
--> statement-breakpoint
CREATE TABLE `post_mentions` (
	`post_id` bigint unsigned NOT NULL,
	`person_id` binary(16) NOT NULL,
	CONSTRAINT `post_mentions_post_id_person_id_pk` PRIMARY KEY(`post_id`,`person_id`)
);
--> statement-breakpoint
CREATE TABLE `posts` (
	`id` bigint unsigned NOT NULL,
	`author_id` binary(16) NOT NULL,
	`text` text NOT NULL,
	`reply_to` bigint unsigned,
	`root_id` bigint unsigned,
	`repost_of` bigint unsigned,
	`visibility` enum('public','followers') NOT NULL,
	`poll_id` binary(16),
	`media_ids` json NOT NULL,
	`hashtags` json NOT NULL,
	`replies_count` int unsigned NOT NULL DEFAULT 0,
	`reposts_count` int unsigned NOT NULL DEFAULT 0,
	`deleted_at` datetime(3),
	CONSTRAINT `posts_id` PRIMARY KEY(`id`),
	CONSTRAINT `posts_one_repost` UNIQUE(`repost_of`,`author_id`)
);
--> statement-breakpoint
CREATE INDEX `bookmarks_of_person` ON `bookmarks` (`user_id`,`since`);--> statement-breakpoint
CREATE INDEX `bookmarks_of_post` ON `bookmarks` (`post_id`);--> statement-breakpoint
CREATE INDEX `follows_followers` ON `follows` (`followee_id`,`active`,`follower_id`);--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`sent_at`,`destination`,`id`);--> statement-breakpoint
CREATE INDEX `people_username` ON `people` (`username`);--> statement-breakpoint
CREATE INDEX `people_merged` ON `people` (`merged_at_read`);--> statement-breakpoint
CREATE INDEX `post_hashtags_post` ON `post_hashtags` (`post_id`);--> statement-breakpoint
CREATE INDEX `post_mentions_person` ON `post_mentions` (`person_id`);--> statement-breakpoint
CREATE INDEX `posts_of_author` ON `posts` (`author_id`,`id`);--> statement-breakpoint
CREATE INDEX `posts_replies` ON `posts` (`reply_to`,`id`);