import { sql } from 'drizzle-orm';
import { createClient } from 'redis';
import { developmentIdentity, publicKeyText } from '#kit/core/identity';
import type { MysqlAddress } from '#kit/mysql/address';
import type { Database } from '#kit/mysql/database';
import { serverVariable, uniqueName } from './servers';

/** Characters that end a part of a URL, begin an encoded one, or have more than one byte. */
const PASSWORD = 'p/w+r=d@1#2%41?&:;\'"\\ é鳥';

const NAMES = ['REGISTRY_TOKEN', 'INTERNAL_SECRET', 'JWT_SECRET', 'DB_PASSWORD', 'ADMIN_PASSWORD'];

/** That of development, which processes beside it know. */
const { privateKey } = developmentIdentity('chat');

/** What every process needs in production besides its servers. */
export const PRODUCTION: Readonly<Record<string, string>> = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://rookery.test',
  JWT_ISSUER: 'https://rookery.test',
  REGISTRY_ALLOWED_HOSTS: '127.0.0.0/8',
  RATE_LIMIT_PER_MINUTE: '0',
  RATE_LIMIT_SIGN_IN_PER_MINUTE: '0',
  RATE_LIMIT_REGISTRATION_PER_MINUTE: '0',
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: '0',
  ...Object.fromEntries(NAMES.map((name) => [name, `${name.toLowerCase()}-of-a-test`])),
  SERVICE_KEY: privateKey.export({ format: 'jwk' }).d ?? '',
  SERVICE_KEYS: `chat=${publicKeyText(privateKey)}`,
  AWS_ACCESS_KEY_ID: 'test1234',
  AWS_SECRET_ACCESS_KEY: 'test1234',
  PAYMENT_PROVIDER: 'stripe',
  STRIPE_SECRET_KEY: 'sk_live_ofATestOfProduction',
  STRIPE_WEBHOOK_SECRET: 'whsec_ofATestOfProduction',
  AMQP_URL: 'amqp://127.0.0.1:1',
  AMQP_USER: 'chat',
  AMQP_PASSWORD: PASSWORD,
};

/**
 * Production's variables, and users of the database and of Redis with a password of difficult characters: production
 * rejects the credentials of the test servers. No RabbitMQ is reachable, without which a service starts too.
 *
 * @param storage the database of the process
 * @returns `drop`, which removes the users
 */
export async function productionEnvironment(storage: { address: MysqlAddress; database: Database }) {
  const user = uniqueName('test');
  const { host, port, database: name } = storage.address;
  const redis = createClient({ url: serverVariable('REDIS_URL') });
  await redis.connect();
  await redis.sendCommand(['ACL', 'SETUSER', user, 'on', `>${PASSWORD}`, '~*', '&*', '+@all']);
  await storage.database.execute(sql`create user ${user} identified by ${PASSWORD}`);
  await storage.database.execute(sql`grant all on ${sql.identifier(name)}.* to ${user}`);
  const environment: Record<string, string> = {
    ...PRODUCTION,
    REDIS_USER: user,
    REDIS_PASSWORD: PASSWORD,
    DB_HOST: host,
    DB_PORT: String(port),
    DB_USER: user,
    DB_PASSWORD: PASSWORD,
  };
  return {
    environment,
    async drop() {
      await storage.database.execute(sql`drop user ${user}`);
      await redis.sendCommand(['ACL', 'DELUSER', user]);
      redis.destroy();
    },
  };
}
