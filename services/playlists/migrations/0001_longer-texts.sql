ALTER TABLE `playlists` MODIFY COLUMN `name` varchar(1600) NOT NULL;--> statement-breakpoint
ALTER TABLE `playlists` MODIFY COLUMN `description` text NOT NULL;