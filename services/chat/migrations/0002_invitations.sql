CREATE TABLE `room_invitations` (
	`id` binary(16) NOT NULL,
	`room_id` int unsigned NOT NULL,
	`user_id` binary(16) NOT NULL,
	`username` varchar(30) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`inviter_id` binary(16) NOT NULL,
	`inviter_name` varchar(30) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`state` enum('pending','hidden','accepted','declined','withdrawn') NOT NULL,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `room_invitations_id` PRIMARY KEY(`id`),
	CONSTRAINT `room_invitations_once` UNIQUE(`room_id`,`user_id`)
);
--> statement-breakpoint
-- In one statement: at no time may two public rooms get one name.
ALTER TABLE `rooms` DROP INDEX `rooms_name`,
	ADD `public_name` varchar(512) character set utf8mb4 collate utf8mb4_bin GENERATED ALWAYS AS (if(`is_private`, null, `name`)) VIRTUAL,
	ADD CONSTRAINT `rooms_name` UNIQUE(`public_name`);--> statement-breakpoint
CREATE INDEX `room_invitations_user` ON `room_invitations` (`user_id`,`state`,`id`);--> statement-breakpoint
CREATE INDEX `room_invitations_inviter` ON `room_invitations` (`inviter_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `room_invitations_created` ON `room_invitations` (`created_at`);--> statement-breakpoint
CREATE INDEX `rooms_by_name` ON `rooms` (`name`,`epoch`);--> statement-breakpoint
CREATE INDEX `rooms_owner` ON `rooms` (`owner_id`);