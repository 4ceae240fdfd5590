CREATE TABLE `changes` (
	`room_id` int unsigned NOT NULL,
	`seq` bigint unsigned NOT NULL,
	`kind` enum('edited','deleted') NOT NULL,
	`message_seq` bigint unsigned NOT NULL,
	`changed_at` datetime(3) NOT NULL,
	CONSTRAINT `changes_room_id_seq_pk` PRIMARY KEY(`room_id`,`seq`)
);
--> statement-breakpoint
CREATE TABLE `messages` (
	`room_id` int unsigned NOT NULL,
	`seq` bigint unsigned NOT NULL,
	`id` binary(16) NOT NULL,
	`sender_id` binary(16) NOT NULL,
	`username` varchar(30),
	`message` text NOT NULL,
	`phone_number` varchar(32),
	`avatar` varchar(2048),
	`client_id` varchar(64) character set utf8mb4 collate utf8mb4_bin,
	`sent_at` datetime(3) NOT NULL,
	`edited_at` datetime(3),
	`deleted_at` datetime(3),
	CONSTRAINT `messages_room_id_seq_pk` PRIMARY KEY(`room_id`,`seq`),
	CONSTRAINT `messages_id` UNIQUE(`id`),
	CONSTRAINT `messages_client` UNIQUE(`room_id`,`sender_id`,`client_id`)
);
--> statement-breakpoint
CREATE TABLE `room_members` (
	`room_id` int unsigned NOT NULL,
	`user_id` binary(16) NOT NULL,
	`username` varchar(30) NOT NULL,
	`added_at` datetime(3) NOT NULL,
	CONSTRAINT `room_members_room_id_user_id_pk` PRIMARY KEY(`room_id`,`user_id`)
);
--> statement-breakpoint
CREATE TABLE `rooms` (
	`id` int unsigned AUTO_INCREMENT NOT NULL,
	`name` varchar(64) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`epoch` binary(16) NOT NULL,
	`is_private` boolean NOT NULL DEFAULT false,
	`owner_id` binary(16),
	`last_seq` bigint unsigned NOT NULL DEFAULT 0,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `rooms_id` PRIMARY KEY(`id`),
	CONSTRAINT `rooms_name` UNIQUE(`name`)
);
--> statement-breakpoint
CREATE INDEX `messages_sender` ON `messages` (`sender_id`);--> statement-breakpoint
CREATE INDEX `room_members_user` ON `room_members` (`user_id`);--> statement-breakpoint
CREATE INDEX `rooms_unused` ON `rooms` (`last_seq`,`created_at`);