CREATE TABLE `daily_counts` (
	`mailbox_hash` binary(32) NOT NULL,
	`category` varchar(32) NOT NULL,
	`day` date NOT NULL,
	`count` int unsigned NOT NULL,
	`last_at` datetime(3) NOT NULL,
	CONSTRAINT `daily_counts_mailbox_hash_category_day_pk` PRIMARY KEY(`mailbox_hash`,`category`,`day`)
);
--> statement-breakpoint
CREATE INDEX `daily_counts_day` ON `daily_counts` (`day`);