import { showUsers } from './administration.js';
import { type AuthChange, type AuthClientError, type AuthClientUser, createAuthClient } from './client.js';
import { showDevices } from './devices.js';
import { byId, notice, onClick } from './dom.js';
import { Laboratory } from './laboratory.js';
import { passwordForm } from './password.js';
import { showAge } from './ring.js';
import { signInForm } from './sign-in.js';
import { askToStepUp } from './step-up.js';
import { Story } from './story.js';
import { Waiting } from './waiting.js';

// Scripts cannot see the cookie. The server has written into the page whether there is one.
const client = createAuthClient({ restore: document.documentElement.dataset.session !== 'none' });
const story = new Story(client, () => void devices().catch(() => undefined));
const laboratory = new Laboratory(client, story);
const devices = showDevices(client);
const users = showUsers(client);
const waiting = new Waiting(client, show);
showAge(client);
signInForm(client);
passwordForm(client);

onClick(byId('renew'), () => client.refresh());
onClick(byId('sign-out'), () => client.logout());
onClick(byId('sign-out-everywhere'), () => client.logout({ everywhere: true }));

const TOLD: Partial<Record<AuthChange['type'], string>> = {
  ended: 'The server has ended this session. Sign in again.',
  signed_out: 'You are signed out.',
  signed_in: 'You are signed in.',
};

client.onChange(({ type, signedIn, sessionId }) => {
  if (type === 'signed_in' || type === 'restored') story.begin(sessionId!);
  if (!signedIn) story.end();
  const text = TOLD[type];
  // A first visit is a sign-out, too, but needs no notice.
  if (text && !(type === 'signed_out' && byId('me').hidden)) notice(text, type === 'ended');
  if (type === 'step_up_required' && !laboratory.busy) void askToStepUp(client);
  if (type !== 'step_up_required') void show();
});

story.subscribe(({ type }) => {
  // The current access token is stale now. The new one shows what the visitor may do.
  if (type === 'permissions_changed' && !laboratory.busy) void client.refresh().catch(() => undefined);
  if (type !== 'refresh_repeated' && type !== 'refresh_denied') void devices().catch(() => undefined);
});

async function show(): Promise<void> {
  let user: AuthClientUser | null;
  try {
    user = await client.user();
  } catch (error) {
    // What the page shows of a session stays. Without a session, it offers the sign-in form.
    if (!byId('me').hidden) return;
    waiting.begin(error as AuthClientError);
    byId('sign-in').hidden = false;
    return;
  }
  waiting.end();
  const moved = shown(user !== null);
  laboratory.open(user !== null);
  byId('user-id').textContent = user?.id ?? '';
  byId('roles').textContent = user?.roles.join(', ') || 'none';
  byId('permissions').textContent = user?.permissions.join(', ') || 'none';
  byId('session-id').textContent = user?.sessionId ?? '';
  if (moved) byId(user ? 'me-title' : 'sign-in-title').focus();
  if (user) await named().catch(() => undefined);
  await users().catch(() => undefined);
  if (user) await devices().catch(() => undefined);
}

/** Shows the part for signed-in or for signed-out visitors. Returns whether the hidden part had the focus. */
function shown(signedIn: boolean): boolean {
  const parts = document.querySelectorAll<HTMLElement>('.signed-in, #administration');
  const leaving = signedIn ? [byId('sign-in')] : [...parts];
  const focus = leaving.some((part) => !part.hidden && part.contains(document.activeElement));
  for (const part of document.querySelectorAll<HTMLElement>('.signed-in')) part.hidden = !signedIn;
  byId('sign-in').hidden = signedIn;
  return focus;
}

async function named(): Promise<void> {
  const response = await client.fetch('/profile/name');
  if (response.ok) byId('user-name').textContent = ((await response.json()) as { username: string | null }).username;
}

void show();
