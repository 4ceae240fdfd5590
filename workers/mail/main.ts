import { MailServiceDefinition } from '#contracts/gen/mail/v1/mail';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { flag, optionalText, readEnv, text } from '#kit/config/environment';
import { amqpFields, smtpFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { runEventWorker, serveOperations } from '#kit/worker';
import { mailWorker } from '.';
import { openSmtp } from './smtp';

const env = readEnv({
  ...workerFields(7107),
  ...amqpFields,
  ...smtpFields,
  SMTP_SECURE: flag(false),
  SMTP_USER: optionalText(),
  SMTP_PASSWORD: optionalText(),
  MAIL_FROM: text('Rookery <no-reply@rookery.example>'),
});
const runtime = await startProcess('mail-worker', env);
const services = {
  registry: watchRegistry(runtime, { urls: env.REGISTRY_URL }),
  internalSecret: env.INTERNAL_SECRET,
};
const worker = mailWorker({
  users: createGrpcClient(runtime, { service: 'users', definition: UsersServiceDefinition, ...services }),
  mail: createGrpcClient(runtime, { service: 'mail', definition: MailServiceDefinition, ...services }),
  smtp: openSmtp(runtime, {
    host: env.SMTP_HOST,
    port: env.SMTP_PORT,
    secure: env.SMTP_SECURE,
    user: env.SMTP_USER,
    password: env.SMTP_PASSWORD,
    from: env.MAIL_FROM,
  }),
});
runEventWorker(runtime, worker, openRabbit(runtime, { url: env.AMQP_URL, required: true }));
serveOperations(runtime, env);
