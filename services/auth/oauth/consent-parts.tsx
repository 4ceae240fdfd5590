/** @jsxImportSource preact */
import { isScope, SCOPES } from '#kit/auth/scopes';
import { shownWebUrl } from '#kit/text/web-url';
import type { AppRow } from '../apps/store';

/** Who the app is, by its own account: anybody can register one under any name (OWASP ASVS 5, 10.4.7). */
export function Origin({ app }: { app: Pick<AppRow, 'website'> }) {
  const website = shownWebUrl(app.website);
  return (
    <p class="quiet">
      {website !== null && (
        <>
          It says that it is from{' '}
          <a href={website} rel="noreferrer nofollow" target="_blank">
            {new URL(website).host}
          </a>
          .{' '}
        </>
      )}
      Anybody can make an app. Rookery has not checked this one.
    </p>
  );
}

/** Scopes in words. One that contains another stands for both. */
export const ScopeList = ({ scopes }: { scopes: readonly string[] }) => (
  <ul class="scopes">
    {scopes
      .filter((scope) => !scopes.some((other) => scope.startsWith(`${other}:`)))
      .map((scope) => (
        <li key={scope}>{isScope(scope) ? SCOPES[scope] : scope}</li>
      ))}
  </ul>
);

/** The two ways to decide. */
export const Decision = () => (
  <div class="actions">
    <button type="submit" name="decision" value="deny">
      Cancel
    </button>
    <button type="submit" name="decision" value="allow" class="primary">
      Allow
    </button>
  </div>
);
