ALTER TABLE `posts` ADD `plain_repost_of` bigint unsigned GENERATED ALWAYS AS (if(length(`text`) = 0 and json_length(`media_ids`) = 0 and `poll_id` is null, `repost_of`, null)) VIRTUAL;--> statement-breakpoint
ALTER TABLE `posts` ADD `quotes_count` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `posts_reposts` ON `posts` (`repost_of`,`id`);--> statement-breakpoint
ALTER TABLE `posts` DROP INDEX `posts_one_repost`, ADD CONSTRAINT `posts_one_repost` UNIQUE(`plain_repost_of`,`author_id`);--> statement-breakpoint
UPDATE `posts` JOIN (
	SELECT `repost_of` AS `id`, count(*) AS `quotes` FROM `posts`
	WHERE `repost_of` IS NOT NULL AND `plain_repost_of` IS NULL AND `deleted_at` IS NULL GROUP BY `repost_of`
) AS `counted` ON `counted`.`id` = `posts`.`id`
SET `quotes_count` = `counted`.`quotes`, `reposts_count` = `reposts_count` - least(`reposts_count`, `counted`.`quotes`);
