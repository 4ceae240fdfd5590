import type { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import type { PollsServiceDefinition } from '#contracts/gen/polls/v1/polls';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { OutboxRelay } from '#kit/messaging/outbox-relay';
import type { Database } from '#kit/mysql/database';
import type { Redis } from '#kit/redis/commands';
import type { Caches } from './cache/caches';
import type { TimelineChanges } from './cache/changes';

/** What the use cases need. `main.ts` builds it for the process, tests build it for themselves. */
export interface TimelinesDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly redis: Redis;
  /** What this process remembers; to be read after `openViewer`. */
  readonly caches: Caches;
  readonly changes: TimelineChanges;
  readonly outbox: OutboxRelay;
  readonly tokens: TokenVerifier;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getUsers' | 'getUserByUsername'>;
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'getCounts' | 'listLikedPosts'>;
  readonly media: Pick<GrpcClient<MediaServiceDefinition>, 'getFiles' | 'publishFiles'>;
  readonly polls: Pick<GrpcClient<PollsServiceDefinition>, 'getPolls' | 'showPoll'>;
  readonly nextId: () => Promise<string>;
  /** Maximum length of a post in characters. */
  readonly postMaxLength: number;
  /** Maximum number of post ids in a feed. */
  readonly homeSize: number;
  /** Posts of authors with this many followers are not fanned out but merged at read time. */
  readonly fanoutFollowersLimit: number;
  readonly mergedAuthors: MergedAuthors;
  readonly readers: Readers;
  /** Ids of the readers whose feed this process is building. */
  readonly feedBuilds: Set<string>;
}

/** Ids of the authors whose posts are merged at read time, cached. */
export interface MergedAuthors {
  list(): Promise<string[]>;
  invalidate(): void;
}

/** People whose feeds are read. */
export interface Readers {
  note(readerId: string): void;
}
