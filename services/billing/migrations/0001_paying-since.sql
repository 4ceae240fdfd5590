ALTER TABLE `invoices` ADD `paying_since` datetime(3);--> statement-breakpoint
CREATE INDEX `invoices_paying` ON `invoices` (`state`,`paying_since`);