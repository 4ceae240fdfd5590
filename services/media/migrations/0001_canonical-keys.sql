ALTER TABLE `media_tag` DROP INDEX `media_tag_name`;--> statement-breakpoint
ALTER TABLE `category` MODIFY COLUMN `title` varchar(960) NOT NULL;--> statement-breakpoint
ALTER TABLE `category` MODIFY COLUMN `slug` varchar(80) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `media_tag` MODIFY COLUMN `name` varchar(256) NOT NULL;--> statement-breakpoint
ALTER TABLE `media_tag` ADD `tag_key` varchar(768) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
ALTER TABLE `media_tags_media` ADD `name` varchar(256);--> statement-breakpoint
ALTER TABLE `media_tag` ADD CONSTRAINT `media_tag_key` UNIQUE(`tag_key`);--> statement-breakpoint
-- Of ASCII without blanks at its ends the canonical key is its lower case; the service derives the others when it starts.
UPDATE `media_tag` SET `tag_key` = lower(`name`) WHERE `name` REGEXP '^[!-~]([ -~]*[!-~])?$';
