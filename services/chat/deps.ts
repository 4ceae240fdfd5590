import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Shares } from '#kit/http/shares/shares';
import type { Database } from '#kit/mysql/database';
import type { OriginRule } from './connections/rules';
import type { RoomRegistry } from './live/room-registry';
import type { FindInvitedUser } from './members/users';
import type { MessageClient } from './messages/client-scope';
import type { MessageWriter } from './messages/writer';

export interface ChatDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly tokens: TokenVerifier;
  readonly live: RoomRegistry;
  readonly writer: MessageWriter;
  readonly findInvited: FindInvitedUser;
  /** How many people one person may invite in 24 hours. */
  readonly invitationsPerDay: number;
  /** Whether rooms may be read and joined without authentication. */
  readonly anonymous: boolean;
  readonly origins: OriginRule;
  /** The open connections, by their owners. */
  readonly shares: Shares;
  /** Whose client ids are unique among each other, as a UUID. */
  readonly clientScope: (client: MessageClient, text: string) => string;
  readonly messagesPerSecond: number;
  /** A client that missed more messages and changes than this is not recovered; it fetches them. */
  readonly recoveryLimit: number;
}
