CREATE INDEX `blocks_of_other` ON `blocks` (`other_id`,`active`,`user_id`);--> statement-breakpoint
CREATE INDEX `mutes_of_other` ON `mutes` (`other_id`,`active`,`user_id`);