CREATE TABLE `stream_authors` (
	`author_id` binary(16) NOT NULL,
	`post_id` bigint unsigned NOT NULL,
	CONSTRAINT `stream_authors_author_id` PRIMARY KEY(`author_id`)
);
--> statement-breakpoint
INSERT INTO `stream_authors` (`author_id`, `post_id`)
SELECT `author_id`, max(`post_id`) FROM `stream_entries` JOIN `posts` ON `posts`.`id` = `stream_entries`.`post_id` GROUP BY `author_id`;
