import { isScope, SCOPES } from '#kit/auth/scopes';
import { shownWebUrl } from '#kit/text/web-url';
import type { AppRow } from '../apps/store';

/** The site of an app, which it has named itself. */
export function Website({ app }: { app: Pick<AppRow, 'website'> }) {
  const website = shownWebUrl(app.website);
  if (website === null) return null;
  return (
    <p class="quiet">
      By its own account from{' '}
      <a href={website} rel="noreferrer nofollow" target="_blank">
        {new URL(website).host}
      </a>
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
