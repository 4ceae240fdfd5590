ALTER TABLE `notification_actors` ADD `subject_id` varchar(36);--> statement-breakpoint
CREATE INDEX `notification_actors_subject` ON `notification_actors` (`subject_id`);--> statement-breakpoint
CREATE INDEX `notifications_subject` ON `notifications` (`subject_id`);