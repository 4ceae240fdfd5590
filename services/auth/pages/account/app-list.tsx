/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import type { AllowedApp } from '../../apps/model';
import { ScopeList } from '../../oauth/consent-parts';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';
import { BackToAccount, Time } from './parts';

export const AppList = ({ visitor, apps }: { visitor: Visitor; apps: readonly AllowedApp[] }) =>
  apps.length === 0 ? (
    <p class="quiet">No app may use your account.</p>
  ) : (
    <ul class="list">
      {apps.map((app) => (
        <li key={app.id}>
          <div>
            <h3>{app.name}</h3>
            <p class="quiet">
              Allowed <Time at={app.allowed_at} />
              {app.last_used_at !== null && (
                <>
                  {' · last used '}
                  <Time at={app.last_used_at} />
                </>
              )}
            </p>
            <details>
              <summary>What it may do</summary>
              <ScopeList scopes={app.scopes} />
            </details>
          </div>
          <Form visitor={visitor} action="/auth/account/apps" inline>
            <input type="hidden" name="app_id" value={app.id} />
            <button type="submit" aria-label={`End what ${app.name} may do`}>
              End
            </button>
          </Form>
        </li>
      ))}
    </ul>
  );

export const appsPage = (visitor: Visitor, apps: readonly AllowedApp[]): Response =>
  visitorPage(visitor, {
    title: 'Your apps',
    wide: true,
    body: (
      <Card heading="Your apps">
        <p class="lead">Apps of others that you have allowed to use your account.</p>
        <AppList visitor={visitor} apps={apps} />
        <BackToAccount />
      </Card>
    ),
  });
