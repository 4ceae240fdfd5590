/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';
import { BackToAccount, Time } from './parts';
import { deviceOf } from './user-agents';

export interface SessionView {
  readonly id: string;
  readonly address: string;
  readonly user_agent: string | null;
  readonly last_used_at: string;
  readonly current: boolean;
}

export const SessionList = ({
  visitor,
  sessions,
}: {
  visitor: Visitor;
  sessions: readonly SessionView[];
}) => (
  <ul class="list">
    {sessions.map((session) => (
      <li>
        <div>
          <h3>
            {deviceOf(session.user_agent)}
            {session.current && <span class="tag">This browser</span>}
          </h3>
          <p class="quiet">
            {session.address} · last used <Time at={session.last_used_at} />
          </p>
        </div>
        {!session.current && (
          <Form visitor={visitor} action="/auth/account/sessions" inline>
            <input type="hidden" name="session_id" value={session.id} />
            <button
              type="submit"
              aria-label={`End the session ${deviceOf(session.user_agent)}, ${session.address}`}
            >
              End
            </button>
          </Form>
        )}
      </li>
    ))}
  </ul>
);

export const sessionsPage = (visitor: Visitor, sessions: readonly SessionView[]): Response =>
  visitorPage(visitor, {
    title: 'Your sessions',
    wide: true,
    body: (
      <Card heading="Your sessions">
        <p class="lead">Where you are signed in. End those that you do not know, and change your password.</p>
        <SessionList visitor={visitor} sessions={sessions} />
        {sessions.some(({ current }) => !current) && (
          <Form visitor={visitor} action="/auth/account/sessions">
            <div class="actions">
              <button type="submit" class="danger">
                End all other sessions
              </button>
            </div>
          </Form>
        )}
        <BackToAccount />
      </Card>
    ),
  });
