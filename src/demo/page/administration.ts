import type { AuthClient } from './client.js';
import { byId, element, notice, onClick, update } from './dom.js';
import { refusalOf } from './refusal.js';

interface User {
  username: string;
  roles: string[];
  disabled: boolean;
}

const ROLES = ['user', 'admin'];

/** Shows the users and their roles, if the visitor is an administrator. */
export function showUsers(client: AuthClient): () => Promise<void> {
  const change = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await client.fetch(`/admin/users/${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await refusalOf(response));
  };

  const rowOf = ({ username, roles, disabled }: User) => {
    const choices = ROLES.map((role) => {
      const box = element('input', { type: 'checkbox', defaultChecked: roles.includes(role) });
      box.addEventListener('change', () => {
        const others = roles.filter((one) => one !== role);
        change('PUT', `${encodeURIComponent(username)}/roles`, { roles: box.checked ? [...others, role] : others })
          .then(() => notice(`The roles of ${username} have changed, at once and in every window.`))
          .catch((error: unknown) => {
            notice((error as Error).message, true);
            box.checked = !box.checked;
          })
          .finally(() => void show());
      });
      return element('label', { className: 'choice' }, box, `${role}, for ${username}`);
    });
    const disable = element('button', { type: 'button' }, disabled ? `Enable ${username}` : `Disable ${username}`);
    onClick(disable, async () => {
      await change('PUT', `${encodeURIComponent(username)}/disabled`, { disabled: !disabled });
      notice(`${username} is ${disabled ? 'enabled' : 'disabled, and all sessions of this user have ended'}.`);
      await show();
    });
    const end = element('button', { type: 'button' }, `End ${username}’s sessions`);
    onClick(end, async () => {
      await change('DELETE', `${encodeURIComponent(username)}/sessions`);
      notice(`All sessions of ${username} have ended.`);
    });
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, username),
      element('td', {}, ...choices),
      element('td', {}, element('p', { className: 'actions' }, disable, end)),
    );
  };

  const show = async () => {
    const isAdmin = (await client.user())?.roles.includes('admin') ?? false;
    const section = byId('administration');
    if (!isAdmin && section.contains(document.activeElement)) byId('me-title').focus();
    section.hidden = !isAdmin;
    if (!isAdmin) return;
    const response = await client.fetch('/admin/users');
    if (!response.ok) return;
    const users = (await response.json()) as User[];
    const rows = users.map((user): [string, HTMLElement] => [user.username, rowOf(user)]);
    update(byId('user-rows'), rows, byId('administration-title'));
  };
  return show;
}
