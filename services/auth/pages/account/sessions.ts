import { Problem } from '#kit/errors/problem';
import type { AuthDeps } from '../../deps';
import { type Session, SessionNotFound } from '../../sessions/model';
import { endOwnSession, listSessions } from '../../sessions/service';
import type { BrowserSession } from '../browser-sessions';
import { callerOf } from './caller';
import type { EndSessionForm } from './model';

/** As many as anybody can have. */
const ALL = { limit: 100 };

/** The sessions of who is signed in, the one of this browser first. */
export async function ownSessions(deps: AuthDeps, session: BrowserSession): Promise<Session[]> {
  const { items } = await listSessions(deps, callerOf(deps, session), ALL);
  return [...items.filter(({ current }) => current), ...items.filter(({ current }) => !current)];
}

/** Ends a session, or all but that of this browser. One that has ended in the meantime is as it should be. */
export async function endSessions(
  deps: AuthDeps,
  session: BrowserSession,
  { session_id }: EndSessionForm,
): Promise<void> {
  const caller = callerOf(deps, session);
  const others = (await ownSessions(deps, session)).filter(({ current }) => !current);
  const ids = session_id === undefined ? others.map(({ id }) => id) : [session_id];
  for (const id of ids)
    try {
      await endOwnSession(deps, caller, id);
    } catch (thrown) {
      if (!(thrown instanceof Problem) || thrown.code !== SessionNotFound.code) throw thrown;
    }
}
