CREATE TABLE `media_post` (
	`media_id` binary(16) NOT NULL,
	`post_id` bigint unsigned NOT NULL,
	`deleted` boolean NOT NULL,
	CONSTRAINT `media_post_media_id_post_id_pk` PRIMARY KEY(`media_id`,`post_id`)
);
--> statement-breakpoint
ALTER TABLE `media` ADD `public_by_posts` boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `media_post_post` ON `media_post` (`post_id`);