ALTER TABLE `posts` ADD FULLTEXT INDEX `posts_text` (`text`);
