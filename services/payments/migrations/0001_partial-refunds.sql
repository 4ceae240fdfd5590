CREATE TABLE `provider_refunds` (
	`refund_key` binary(16) NOT NULL,
	`charge_key` binary(16) NOT NULL,
	`amount` bigint NOT NULL,
	`created_at` datetime(3) NOT NULL DEFAULT (utc_timestamp(3)),
	CONSTRAINT `provider_refunds_refund_key` PRIMARY KEY(`refund_key`)
);
--> statement-breakpoint
ALTER TABLE `payments` MODIFY COLUMN `description` varchar(2400) NOT NULL;--> statement-breakpoint
ALTER TABLE `refunds` ADD `amount` bigint;--> statement-breakpoint
UPDATE `refunds` JOIN `payments` ON `payments`.`id` = `refunds`.`payment_id` SET `refunds`.`amount` = `payments`.`amount`;--> statement-breakpoint
ALTER TABLE `refunds` ADD `reason` varchar(2400);--> statement-breakpoint
CREATE INDEX `provider_refunds_of_charge` ON `provider_refunds` (`charge_key`);