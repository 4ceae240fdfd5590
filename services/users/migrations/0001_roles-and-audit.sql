CREATE TABLE `audit_log` (
	`id` binary(16) NOT NULL,
	`at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	`actor_id` binary(16) NOT NULL,
	`action` varchar(64) NOT NULL,
	`target_type` enum('user','role','permission') NOT NULL,
	`target_id` binary(16) NOT NULL,
	`request_id` varchar(128) NOT NULL,
	`changes` json NOT NULL,
	CONSTRAINT `audit_log_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `audit_personal_values` (
	`entry_id` binary(16) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`changes` json NOT NULL,
	CONSTRAINT `audit_personal_values_entry_id` PRIMARY KEY(`entry_id`)
);
--> statement-breakpoint
CREATE TABLE `authorization_changes` (
	`user_id` binary(16) NOT NULL,
	`reduced` boolean NOT NULL,
	`actor_id` binary(16) NOT NULL,
	CONSTRAINT `authorization_changes_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
CREATE INDEX `audit_log_actor` ON `audit_log` (`actor_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_log_target` ON `audit_log` (`target_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_personal_values_user` ON `audit_personal_values` (`user_id`);--> statement-breakpoint
CREATE INDEX `user_roles_role` ON `user_roles` (`role_id`);