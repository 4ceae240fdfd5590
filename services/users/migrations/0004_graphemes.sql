ALTER TABLE `permissions` MODIFY COLUMN `name` varchar(80) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `permissions` MODIFY COLUMN `description` varchar(2040) NOT NULL DEFAULT '';--> statement-breakpoint
ALTER TABLE `roles` MODIFY COLUMN `name` varchar(64) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `roles` MODIFY COLUMN `description` varchar(2040) NOT NULL DEFAULT '';--> statement-breakpoint
ALTER TABLE `users` MODIFY COLUMN `display_name` varchar(200) NOT NULL;--> statement-breakpoint
ALTER TABLE `users` MODIFY COLUMN `first_name` varchar(640);--> statement-breakpoint
ALTER TABLE `users` MODIFY COLUMN `last_name` varchar(640);--> statement-breakpoint
ALTER TABLE `users` MODIFY COLUMN `bio` varchar(4000) NOT NULL DEFAULT '';