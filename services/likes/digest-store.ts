import type { LikesStorage } from './deps';
import type { RedisOutboxEntry } from './redis-outbox-entry';
import { runScript, withReply } from './run-script';
import * as scripts from './scripts/digests';

/** Likes claimed by one script call, which blocks Redis. */
const CLAIM_BATCH = 500;
/** As long as somebody may inspect a parked job. */
const CLAIM_TTL_SECONDS = 14 * 24 * 60 * 60;
/** Longer than a job may be redelivered. */
const CONFIRMED_TTL_SECONDS = 24 * 60 * 60;

/** The job that mails an author a digest, scheduled where none is pending. */
export interface NextDigest {
  readonly job: RedisOutboxEntry;
  readonly nowMs: number;
  /** The delay of the job, unless likes keep arriving. */
  readonly digestSeconds: number;
}

/** @returns whether the author is notified: the like exists and they were not notified of it before */
export async function acceptLike(
  storage: LikesStorage,
  like: NextDigest & { postId: string; userId: string; authorId: string; event: RedisOutboxEntry },
): Promise<boolean> {
  const { postId, userId, authorId, event } = like;
  const args = [postId, userId, authorId, event.id, event.text, ...jobArguments(like)];
  return (await runScript(storage, scripts.ACCEPT_LIKE, ...args))[0] === '1';
}

/**
 * Claims the likes an author was not mailed about, oldest first; the same claim gets the same likes again. When there are
 * more than one claim takes, the next job is scheduled.
 */
export async function claimUnmailed(
  storage: LikesStorage,
  claim: NextDigest & { authorId: string; claimId: string; maxLikes: number },
): Promise<{ postId: string; userId: string }[]> {
  const { authorId, claimId, maxLikes } = claim;
  const args = [authorId, claimId, CLAIM_BATCH, maxLikes, CLAIM_TTL_SECONDS, ...jobArguments(claim)];
  let isComplete = false;
  while (!isComplete) isComplete = (await runScript(storage, scripts.CLAIM_UNMAILED, ...args))[0] === '1';
  const claimed = await withReply(storage.redis.lRange(`${storage.prefix}:claim:${claimId}`, 0, -1));
  return claimed.map((like) => {
    const [postId = '', userId = ''] = like.split(' ');
    return { postId, userId };
  });
}

const jobArguments = ({ job, nowMs, digestSeconds }: NextDigest) => [nowMs, digestSeconds, job.id, job.text];

/** @param mail sent unless the claim was confirmed before */
export async function confirmClaim(
  storage: LikesStorage,
  claimId: string,
  mail?: RedisOutboxEntry,
): Promise<void> {
  const message = mail === undefined ? [] : [mail.id, mail.text];
  await runScript(storage, scripts.CONFIRM_CLAIM, claimId, CONFIRMED_TTL_SECONDS, ...message);
}
