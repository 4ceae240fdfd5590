import { describe, expect, test } from 'bun:test';
import { classifyFailure, MailBounced, MailDeferred, MailRefused } from './smtp-failures';

const failure = (fields: object) => Object.assign(new Error('about somebody@example.com'), fields);
const answer = (command: string, response: string) =>
  failure({ command, response, responseCode: Number(response.slice(0, 3)) });

describe('a failure to send', () => {
  test.each([
    ['an unknown mailbox', 'RCPT TO', '550 5.1.1 no such user'],
    ['an unknown mailbox, over several lines', 'RCPT TO', '550-5.1.1 no such\n550 5.1.1 user'],
    ['an unknown mailbox that is noticed late', 'DATA', '550 5.1.1 no such user'],
    ['an unknown domain', 'RCPT TO', '553 5.1.2 no such domain'],
    ['a domain without mail', 'RCPT TO', '556 5.1.10 null MX'],
    ['a disabled mailbox', 'RCPT TO', '550 5.2.1 disabled'],
    ['a full mailbox for good', 'RCPT TO', '552 5.2.2 full'],
    ['a recipient whom Exchange does not know', 'RCPT TO', '550 5.4.1 Recipient address rejected'],
    ['an address in another script', 'RCPT TO', '553 5.6.7 not supported'],
    ['a mailbox of somebody else by now', 'RCPT TO', '550 5.7.17 owner changed'],
    ['an undefined status', 'RCPT TO', '550 5.5.0 mailbox unavailable'],
    ['no status', 'RCPT TO', '550 No such user here'],
    ['no status and a moved mailbox', 'RCPT TO', '551 try elsewhere'],
  ])('is a bounce for %s', (_what, command, response) => {
    expect(classifyFailure(answer(command, response))).toBeInstanceOf(MailBounced);
  });

  test('is a bounce for an address that the library cannot send', () => {
    const refused = failure({ code: 'EENVELOPE', command: 'API' });
    expect(classifyFailure(refused)).toBeInstanceOf(MailBounced);
  });

  test.each([
    ['refused content', 'DATA', '554 5.7.1 spam'],
    ['refused content without a status', 'DATA', '550 no'],
    ['a mail that is too large', 'DATA', '552 5.3.4 too big'],
    ['a mail that is declared too large', 'MAIL FROM', '552 too big'],
    ['an unexplained failure', 'RCPT TO', '554 no'],
  ])('is permanent for %s, and no bounce', (_what, command, response) => {
    const classified = classifyFailure(answer(command, response));
    expect(classified).toBeInstanceOf(MailRefused);
    expect(classified).not.toBeInstanceOf(MailBounced);
  });

  test.each([
    ['relaying is denied', 'RCPT TO', '554 5.7.1 Relay access denied'],
    ['relaying is denied with the code of a mailbox', 'RCPT TO', '550 5.7.1 Unable to relay'],
    ['relaying is denied without a status', 'RCPT TO', '550 relay not permitted'],
    ['the sender is refused', 'MAIL FROM', '550 5.7.1 not authorized'],
    ['the sender is unknown', 'MAIL FROM', '550 5.1.1 unknown'],
    ["the sender's domain is bad", 'RCPT TO', '550 5.1.8 bad domain'],
    ['authentication is missing', 'MAIL FROM', '530 5.7.0'],
    ['authentication is missing at the recipient', 'RCPT TO', '530 5.7.1'],
    ['credentials are wrong', 'AUTH PLAIN', '535 5.7.8'],
    ['a command is unknown', 'RCPT TO', '500 5.5.2 what'],
    ['the connection is refused', 'CONN', '554 no'],
  ])('is one of ours, and is retried, when %s', (_what, command, response) => {
    expect(classifyFailure(answer(command, response))).toBeInstanceOf(MailDeferred);
  });

  test.each([
    ['a full mailbox', answer('RCPT TO', '452 4.2.2 full')],
    ['greylisting', answer('RCPT TO', '450 4.7.1 later')],
    ['a mailbox that is busy', answer('RCPT TO', '450 4.1.1 later')],
    ['an unavailable server', failure({ code: 'ECONNECTION', command: 'CONN' })],
    ['an unknown failure', failure({})],
  ])('is transient for %s', (_what, failed) => {
    expect(classifyFailure(failed)).toBeInstanceOf(MailDeferred);
  });

  test('is described by its codes, without the text of the server', () => {
    const { message } = classifyFailure(
      failure({
        responseCode: 550,
        command: 'RCPT TO',
        response: '550 5.1.1 <somebody@example.com> is unknown',
      }),
    );
    expect(message).toBe('the mail server refused the recipient: 550 5.1.1');
  });
});
