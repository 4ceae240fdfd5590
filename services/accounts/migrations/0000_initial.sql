CREATE TABLE `accounts` (
	`id` binary(16) NOT NULL,
	`owner_id` binary(16),
	`currency` char(3) NOT NULL,
	`debits_posted` bigint NOT NULL DEFAULT 0,
	`credits_posted` bigint NOT NULL DEFAULT 0,
	`debits_pending` bigint NOT NULL DEFAULT 0,
	`credits_pending` bigint NOT NULL DEFAULT 0,
	`overdraft_limit` bigint DEFAULT 0,
	`version` int unsigned NOT NULL DEFAULT 1,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	`closed_at` datetime(3),
	CONSTRAINT `accounts_id` PRIMARY KEY(`id`),
	CONSTRAINT `accounts_one_each` UNIQUE(`owner_id`,`currency`)
);
--> statement-breakpoint
CREATE TABLE `entries` (
	`id` bigint unsigned AUTO_INCREMENT NOT NULL,
	`account_id` binary(16) NOT NULL,
	`transfer_id` binary(16) NOT NULL,
	`amount` bigint NOT NULL,
	`balance_after` bigint NOT NULL,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `entries_id` PRIMARY KEY(`id`),
	CONSTRAINT `entries_once` UNIQUE(`transfer_id`,`account_id`)
);
--> statement-breakpoint
CREATE TABLE `erased_people` (
	`user_id` binary(16) NOT NULL,
	`erased_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `erased_people_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`id` binary(32) NOT NULL,
	`body_hash` binary(32) NOT NULL,
	`status` smallint unsigned,
	`headers` json,
	`body` mediumtext,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `idempotency_keys_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `transfers` (
	`id` binary(16) NOT NULL,
	`external_id` binary(16),
	`kind` enum('transfer','deposit','withdrawal','reversal') NOT NULL,
	`sender_id` binary(16) NOT NULL,
	`receiver_id` binary(16) NOT NULL,
	`amount` bigint NOT NULL,
	`currency` char(3) NOT NULL,
	`description` varchar(300) NOT NULL,
	`state` enum('pending','posted','voided','expired') NOT NULL,
	`reverses` binary(16),
	`expires_at` datetime(3),
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	`settled_at` datetime(3),
	CONSTRAINT `transfers_id` PRIMARY KEY(`id`),
	CONSTRAINT `transfers_external` UNIQUE(`external_id`),
	CONSTRAINT `transfers_reversed_once` UNIQUE(`reverses`)
);
--> statement-breakpoint
CREATE INDEX `entries_of_account` ON `entries` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE INDEX `transfers_expiring` ON `transfers` (`state`,`expires_at`);