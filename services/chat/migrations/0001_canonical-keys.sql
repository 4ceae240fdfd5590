ALTER TABLE `messages` DROP INDEX `messages_client`;--> statement-breakpoint
ALTER TABLE `room_members` MODIFY COLUMN `username` varchar(30) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `rooms` MODIFY COLUMN `name` varchar(512) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `messages` ADD `client_key` varchar(192) character set utf8mb4 collate utf8mb4_bin;--> statement-breakpoint
ALTER TABLE `messages` ADD `client_scope` binary(16);--> statement-breakpoint
ALTER TABLE `rooms` ADD `revision` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `messages` ADD CONSTRAINT `messages_client_key` UNIQUE(`client_scope`,`room_id`,`client_key`);--> statement-breakpoint
-- Of ASCII without blanks at its ends the canonical key is the text itself.
UPDATE `messages` SET `client_key` = `client_id`, `client_scope` = `sender_id`
	WHERE `sender_id` <> 0x00000000000000000000000000000000 AND `client_id` REGEXP '^[!-~]([ -~]*[!-~])?$';--> statement-breakpoint
-- Marks the others, whose keys the service derives when it starts (messages/backfill.ts).
UPDATE `messages` SET `client_scope` = 0xffffffffffffffffffffffffffffffff
	WHERE `sender_id` <> 0x00000000000000000000000000000000 AND `client_id` IS NOT NULL AND `client_key` IS NULL;--> statement-breakpoint
UPDATE `room_members` SET `username` = lower(`username`);--> statement-breakpoint
-- Names are in NFC already. Blanks at their ends go, as ECMAScript trims them; where the name is taken then, the room gets a suffix.
UPDATE IGNORE `rooms` SET `name` = regexp_replace(`name`, '^[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]+|[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]+$', '')
	WHERE `name` REGEXP '^[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]|[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]$';--> statement-breakpoint
UPDATE `rooms` SET `name` = concat(regexp_replace(`name`, '^[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]+|[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]+$', ''), '-', right(lower(hex(`epoch`)), 12))
	WHERE `name` REGEXP '^[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]|[\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}]$';--> statement-breakpoint
-- Names that cannot be a path segment could never be reached; now these rooms can.
UPDATE `rooms` SET `name` = concat('room-', right(lower(hex(`epoch`)), 12))
	WHERE `name` = '' OR `name` REGEXP '^\\.{1,2}(;|$)|%[0-9A-Fa-f]{2}|[\\x{80}-\\x{9F}]';
--> statement-breakpoint
-- Private rooms that lost their owner pass to their longest-standing member.
UPDATE `rooms` SET `owner_id` = (SELECT `user_id` FROM `room_members` WHERE `room_id` = `rooms`.`id` ORDER BY `added_at`, `user_id` LIMIT 1)
	WHERE `is_private` AND `owner_id` IS NULL;
