import type { AuthClient } from './client.js';
import { byId, element, notice } from './dom.js';

/** The demo's users. Their passwords are public. */
const USERS = ['alice', 'bob', 'admin'];

export function signInForm(client: AuthClient): void {
  const username = byId<HTMLInputElement>('username');
  const password = byId<HTMLInputElement>('password');
  for (const name of USERS) {
    const button = element('button', { type: 'button' }, `I am ${name}`);
    button.addEventListener('click', () => {
      username.value = name;
      password.value = `${name}-password`;
      byId<HTMLFormElement>('sign-in-form').requestSubmit();
    });
    byId('quick').append(button);
  }
  byId('sign-in-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const bound = byId<HTMLInputElement>('bind').checked;
    client
      .login({
        username: username.value,
        password: password.value,
        device_name: byId<HTMLInputElement>('device').value,
        ...(bound && { bind: 'nonce' }),
      })
      .catch((error: unknown) => notice((error as Error).message, true))
      .finally(() => {
        password.value = '';
      });
  });
}
