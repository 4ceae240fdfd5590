import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/commands';
import type { CheckPost } from './post-check';
import type { FindVisiblePosts } from './visible-posts';

export interface LikesStorage {
  readonly redis: Redis;
  /** The prefix of the name of every key. */
  readonly prefix: string;
}

/** What the use cases need. `main.ts` builds it for the process, tests build it for themselves. */
export interface LikesDeps {
  readonly runtime: Runtime;
  readonly storage: LikesStorage;
  /** The relay of the outbox in Redis. */
  readonly outbox: { wake(): void };
  readonly tokens: TokenVerifier;
  /** The id of the person with a username. */
  readonly findPerson: (username: string) => Promise<string>;
  /** Looks a post up for the person who likes it. */
  readonly checkPost: CheckPost;
  /** Decides whether a viewer is shown a post, and finds what plain reposts stand for. */
  readonly findVisiblePosts: FindVisiblePosts;
  /** How long likes of an author's posts are collected before the first digest mail. */
  readonly digestSeconds: number;
  readonly now: () => number;
}
