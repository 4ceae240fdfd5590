CREATE TABLE `app_tokens` (
	`hash` char(64) NOT NULL,
	`id` binary(16) NOT NULL,
	`app_id` binary(16) NOT NULL,
	`session_id` binary(16),
	`scopes` json NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`expires_at` datetime(3),
	CONSTRAINT `app_tokens_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `apps` (
	`id` binary(16) NOT NULL,
	`secret_hash` char(64),
	`kind` enum('open','mastodon') NOT NULL,
	`name` varchar(120) NOT NULL,
	`website` text,
	`redirect_uris` json NOT NULL,
	`scopes` json NOT NULL,
	`grant_types` json NOT NULL,
	`auth_method` varchar(40) NOT NULL,
	`allowed` boolean NOT NULL DEFAULT false,
	`created_at` datetime(3) NOT NULL,
	CONSTRAINT `apps_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `authorization_codes` (
	`hash` char(64) NOT NULL,
	`app_id` binary(16) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`redirect_uri` text NOT NULL,
	`scopes` json NOT NULL,
	`code_challenge` char(43),
	`nonce` text,
	`signed_in_at` datetime(3) NOT NULL,
	`methods` json NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	`session_id` binary(16),
	CONSTRAINT `authorization_codes_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `browser_sessions` (
	`hash` char(64) NOT NULL,
	`session_id` binary(16) NOT NULL,
	CONSTRAINT `browser_sessions_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `consents` (
	`user_id` binary(16) NOT NULL,
	`app_id` binary(16) NOT NULL,
	`scopes` json NOT NULL,
	`given_at` datetime(3) NOT NULL,
	CONSTRAINT `consents_user_id_app_id_pk` PRIMARY KEY(`user_id`,`app_id`)
);
--> statement-breakpoint
CREATE TABLE `device_codes` (
	`hash` char(64) NOT NULL,
	`user_code` varchar(16) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`app_id` binary(16) NOT NULL,
	`scopes` json NOT NULL,
	`status` enum('pending','allowed','denied','used') NOT NULL,
	`user_id` binary(16),
	`signed_in_at` datetime(3),
	`methods` json,
	`interval_seconds` int unsigned NOT NULL,
	`polled_at` datetime(3),
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `device_codes_hash` PRIMARY KEY(`hash`),
	CONSTRAINT `device_codes_user_code` UNIQUE(`user_code`)
);
--> statement-breakpoint
CREATE TABLE `foreign_sign_ins` (
	`hash` char(64) NOT NULL,
	`browser_hash` char(64) NOT NULL,
	`provider` varchar(40) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`sealed` text NOT NULL,
	`next` text NOT NULL,
	`user_id` binary(16),
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `foreign_sign_ins_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `identities` (
	`provider` varchar(40) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`subject` varchar(255) character set utf8mb4 collate utf8mb4_bin NOT NULL,
	`user_id` binary(16) NOT NULL,
	`label` varchar(320),
	`linked_at` datetime(3) NOT NULL,
	`last_used_at` datetime(3),
	CONSTRAINT `identities_provider_subject_pk` PRIMARY KEY(`provider`,`subject`)
);
--> statement-breakpoint
CREATE TABLE `passkey_challenges` (
	`hash` char(64) NOT NULL,
	`user_id` binary(16),
	`purpose` varchar(16) NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `passkey_challenges_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `passkeys` (
	`id` binary(16) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`credential_hash` char(64) NOT NULL,
	`credential_id` text NOT NULL,
	`public_key` text NOT NULL,
	`counter` int unsigned NOT NULL,
	`transports` json NOT NULL,
	`backed_up` boolean NOT NULL,
	`name` varchar(60) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`last_used_at` datetime(3),
	CONSTRAINT `passkeys_id` PRIMARY KEY(`id`),
	CONSTRAINT `passkeys_credential` UNIQUE(`credential_hash`)
);
--> statement-breakpoint
CREATE TABLE `pending_sign_ins` (
	`hash` char(64) NOT NULL,
	`user_id` binary(16) NOT NULL,
	`methods` json NOT NULL,
	`verified_hash` text,
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `pending_sign_ins_hash` PRIMARY KEY(`hash`)
);
--> statement-breakpoint
CREATE TABLE `recovery_codes` (
	`user_id` binary(16) NOT NULL,
	`hash` char(64) NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`used_at` datetime(3),
	CONSTRAINT `recovery_codes_user_id_hash_pk` PRIMARY KEY(`user_id`,`hash`)
);
--> statement-breakpoint
CREATE TABLE `totp_secrets` (
	`user_id` binary(16) NOT NULL,
	`sealed_secret` text NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`confirmed_at` datetime(3),
	`last_step` int unsigned NOT NULL DEFAULT 0,
	CONSTRAINT `totp_secrets_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
ALTER TABLE `sessions` ADD `app_id` binary(16);--> statement-breakpoint
ALTER TABLE `sessions` ADD `scopes` json;--> statement-breakpoint
ALTER TABLE `sessions` ADD `methods` json;--> statement-breakpoint
ALTER TABLE `sessions` ADD `signed_in_at` datetime(3);--> statement-breakpoint
CREATE INDEX `app_tokens_session` ON `app_tokens` (`session_id`);--> statement-breakpoint
CREATE INDEX `app_tokens_app` ON `app_tokens` (`app_id`);--> statement-breakpoint
CREATE INDEX `app_tokens_expires` ON `app_tokens` (`expires_at`);--> statement-breakpoint
CREATE INDEX `apps_unused` ON `apps` (`allowed`,`created_at`);--> statement-breakpoint
CREATE INDEX `authorization_codes_user` ON `authorization_codes` (`user_id`);--> statement-breakpoint
CREATE INDEX `authorization_codes_expires` ON `authorization_codes` (`expires_at`);--> statement-breakpoint
CREATE INDEX `browser_sessions_session` ON `browser_sessions` (`session_id`);--> statement-breakpoint
CREATE INDEX `consents_app` ON `consents` (`app_id`);--> statement-breakpoint
CREATE INDEX `device_codes_user` ON `device_codes` (`user_id`);--> statement-breakpoint
CREATE INDEX `device_codes_expires` ON `device_codes` (`expires_at`);--> statement-breakpoint
CREATE INDEX `foreign_sign_ins_user` ON `foreign_sign_ins` (`user_id`);--> statement-breakpoint
CREATE INDEX `foreign_sign_ins_expires` ON `foreign_sign_ins` (`expires_at`);--> statement-breakpoint
CREATE INDEX `identities_user` ON `identities` (`user_id`);--> statement-breakpoint
CREATE INDEX `passkey_challenges_user` ON `passkey_challenges` (`user_id`);--> statement-breakpoint
CREATE INDEX `passkey_challenges_expires` ON `passkey_challenges` (`expires_at`);--> statement-breakpoint
CREATE INDEX `passkeys_user` ON `passkeys` (`user_id`);--> statement-breakpoint
CREATE INDEX `pending_sign_ins_user` ON `pending_sign_ins` (`user_id`);--> statement-breakpoint
CREATE INDEX `pending_sign_ins_expires` ON `pending_sign_ins` (`expires_at`);