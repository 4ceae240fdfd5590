CREATE INDEX `transfers_reversals` ON `transfers` (`reverses`);--> statement-breakpoint
ALTER TABLE `transfers` DROP INDEX `transfers_reversed_once`;
