import { MailServiceDefinition } from '#contracts/gen/mail/v1/mail';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { readEnv, text } from '#kit/config/environment';
import { amqpFields, smtpFields, workerFields } from '#kit/config/fields';
import { startEventWorker } from '#kit/worker';
import { mailWorker } from '.';
import { openSmtp } from './smtp';

const env = readEnv({
  ...workerFields(7107),
  ...amqpFields,
  ...smtpFields,
  MAIL_FROM: text('Rookery <no-reply@rookery.example>'),
});
const { runtime, grpcClient, run } = await startEventWorker('mail-worker', env);
run(
  mailWorker({
    users: grpcClient('users', UsersServiceDefinition),
    mail: grpcClient('mail', MailServiceDefinition),
    smtp: openSmtp(runtime, {
      host: env.SMTP_HOST,
      port: env.SMTP_PORT,
      secure: env.SMTP_SECURE,
      user: env.SMTP_USER,
      password: env.SMTP_PASSWORD,
      from: env.MAIL_FROM,
    }),
  }),
);
