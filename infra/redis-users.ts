import { createHash } from 'node:crypto';
import { LIKES_FAMILY, likeChangesChannel } from '#contracts/changes/likes';
import type { BrokerUser } from './broker-definitions';

/** What the keys and channels of a process begin with, on a server and in a Redis Cluster (`Redis.family`). */
const PREFIXES: Readonly<Record<string, readonly string[]>> = {
  auth: ['auth:'],
  chat: ['chat:'],
  gateway: ['gateway:'],
  likes: ['likes:', '{likes}:'],
  timelines: ['timelines:', 'home:'],
};
/** Channels of others that a process subscribes to. Redis does not tell subscribing from publishing. */
const SUBSCRIPTIONS: Readonly<Record<string, readonly string[]>> = {
  timelines: [likeChangesChannel(), likeChangesChannel(`{${LIKES_FAMILY}}`)],
};
const EVERYTHING = '~* &* +@all';

/**
 * The access list of Redis (`aclfile`, or one `ACL SETUSER` per line): each process reaches the keys and channels with its own
 * prefix and the channels it subscribes to, without commands of administration. Passwords are in it as hashes.
 *
 * @param operator who reaches everything; undefined: everybody does, without a password, as the tests
 * @param registryGroup REGISTRY_GROUP, with which the keys of the registry begin
 */
export function redisUsers(
  processes: readonly BrokerUser[],
  operator: BrokerUser | undefined,
  registryGroup = 'rookery',
): string {
  const users = processes.flatMap(({ name, password }) => {
    const prefixes =
      name === 'registry'
        ? [`${registryGroup}:registry`, `{${registryGroup}:registry}`]
        : (PREFIXES[name] ?? []);
    if (prefixes.length === 0) return [];
    const own = prefixes.map((prefix) => `~${prefix}* &${prefix}*`);
    const reach = [...own, ...(SUBSCRIPTIONS[name] ?? []).map((channel) => `&${channel}`)].join(' ');
    return [`user ${name} on ${hashed(password)} resetchannels ${reach} +@all -@admin -@dangerous +info`];
  });
  const others =
    operator === undefined
      ? [`user default on nopass ${EVERYTHING}`]
      : ['user default off', `user ${operator.name} on ${hashed(operator.password)} ${EVERYTHING}`];
  return [...others, ...users, ''].join('\n');
}

const hashed = (password: string) => `#${createHash('sha256').update(password).digest('hex')}`;
