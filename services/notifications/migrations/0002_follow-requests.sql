CREATE TABLE `ended_objects` (
	`kind` enum('post','follow-request') NOT NULL,
	`id` varchar(36) NOT NULL,
	`ended_at` datetime(3) NOT NULL,
	CONSTRAINT `ended_objects_kind_id_pk` PRIMARY KEY(`kind`,`id`)
);
--> statement-breakpoint
ALTER TABLE `notifications` MODIFY COLUMN `type` enum('like','reply','mention','repost','follow','payment','like-withdrawn','poll-ended','follow-request','follow-accepted') NOT NULL;--> statement-breakpoint
ALTER TABLE `settings` MODIFY COLUMN `type` enum('like','reply','mention','repost','follow','payment','like-withdrawn','poll-ended','follow-request','follow-accepted') NOT NULL;--> statement-breakpoint
CREATE INDEX `ended_objects_ended` ON `ended_objects` (`ended_at`);