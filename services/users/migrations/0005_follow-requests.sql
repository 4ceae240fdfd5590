CREATE TABLE `follow_requests` (
	`follower_id` binary(16) NOT NULL,
	`followee_id` binary(16) NOT NULL,
	`since` bigint unsigned NOT NULL,
	CONSTRAINT `follow_requests_follower_id_followee_id_pk` PRIMARY KEY(`follower_id`,`followee_id`)
);
--> statement-breakpoint
CREATE TABLE `unlocked_profiles` (
	`user_id` binary(16) NOT NULL,
	CONSTRAINT `unlocked_profiles_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
ALTER TABLE `users` ADD `locked` boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `follow_requests_received` ON `follow_requests` (`followee_id`,`since`);