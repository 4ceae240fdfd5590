import { readEnv } from '#kit/config/environment';
import {
  amqpFields,
  archiveStorageFields,
  beanstalkdAddresses,
  beanstalkdFields,
  dynamodbFields,
  redisFields,
  storageFields,
} from '#kit/config/fields';
import type { ServerAddress } from '#kit/config/hosts';
import type { MysqlAddress } from '#kit/mysql/address';
import type { FileStorage } from '#kit/storage/file-storage';
import { openFolderStorage } from '#kit/storage/folder';
import { openS3Storage } from '#kit/storage/s3';
import { databaseOf, servicesWithDatabase } from '../databases';

/** Where the stores of a system are. */
export interface StoreSettings {
  readonly databases: readonly MysqlAddress[];
  readonly redisUrl: string;
  /** Of the nodes of one RabbitMQ. */
  readonly amqpUrls: readonly string[];
  readonly beanstalkd: readonly ServerAddress[];
  readonly dynamodb: DynamodbSettings;
  /** By the name of their folder in a backup. */
  readonly files: Readonly<Record<string, () => Promise<FileStorage>>>;
}

export interface DynamodbSettings {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/**
 * Reads the addresses of all stores, with the credentials of an operator, from the variables that processes have.
 *
 * @param source the environment; of the running servers of `make up` where there are any
 */
export function readStores(source: NodeJS.ProcessEnv): StoreSettings {
  const env = readEnv(
    {
      ...amqpFields,
      ...beanstalkdFields,
      ...redisFields,
      ...dynamodbFields,
      ...storageFields,
      ...archiveStorageFields,
    },
    source,
  );
  const stored = (folder: string, bucket: string) => async () => {
    const { S3_ENDPOINT: endpoint, S3_REGION: region } = env;
    if (endpoint === undefined) return openFolderStorage(folder);
    const { S3_ACCESS_KEY_ID: accessKeyId = '', S3_SECRET_ACCESS_KEY: secretAccessKey = '' } = env;
    return openS3Storage({ endpoint, region, bucket, accessKeyId, secretAccessKey });
  };
  return {
    databases: servicesWithDatabase().map(({ name }) => databaseOf(name, source)),
    redisUrl: env.REDIS_URL,
    amqpUrls: env.AMQP_URL,
    beanstalkd: beanstalkdAddresses(env),
    dynamodb: {
      endpoint: env.DYNAMODB_URL,
      region: env.AWS_REGION,
      credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    },
    files: {
      media: stored(env.MEDIA_STORAGE, env.S3_BUCKET),
      archives: stored(env.ARCHIVES_STORAGE, env.ARCHIVES_S3_BUCKET),
    },
  };
}
