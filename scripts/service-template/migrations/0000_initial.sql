CREATE TABLE `items` (
	`id` binary(16) NOT NULL,
	`owner_id` binary(16) NOT NULL,
	`name` varchar(100) NOT NULL,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `items_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `items_of_owner` ON `items` (`owner_id`,`id`);