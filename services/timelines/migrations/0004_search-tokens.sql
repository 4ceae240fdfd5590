ALTER TABLE `posts` ADD `text_version` tinyint unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `posts` ADD `search_tokens` mediumtext character set ascii collate ascii_bin;--> statement-breakpoint
CREATE INDEX `posts_text_version` ON `posts` (`text_version`,`id`);--> statement-breakpoint
ALTER TABLE `posts` ADD FULLTEXT INDEX `posts_search_tokens` (`search_tokens`);
