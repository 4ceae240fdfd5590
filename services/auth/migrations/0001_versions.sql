ALTER TABLE `credentials` ADD `email_version` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `credentials` ADD `authorizations_version` int unsigned DEFAULT 0 NOT NULL;