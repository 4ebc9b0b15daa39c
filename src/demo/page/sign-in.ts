import type { AuthClient } from './client.js';
import { byId, notice } from './dom.js';

export function signInForm(client: AuthClient): void {
  const username = byId<HTMLInputElement>('username');
  const password = byId<HTMLInputElement>('password');
  // Only where the users have the passwords that everybody knows.
  for (const button of document.querySelectorAll<HTMLButtonElement>('#known-users button')) {
    button.addEventListener('click', () => {
      username.value = button.value;
      password.value = button.dataset.password!;
      byId<HTMLFormElement>('sign-in-form').requestSubmit();
    });
  }
  byId('sign-in-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const bound = byId<HTMLInputElement>('bind').checked;
    client
      .login({
        username: username.value,
        password: password.value,
        device_name: byId<HTMLInputElement>('device').value,
        persistent: byId<HTMLInputElement>('remember').checked,
        ...(bound && { bind: 'nonce' }),
      })
      .catch((error: unknown) => notice((error as Error).message, true))
      .finally(() => {
        password.value = '';
      });
  });
}
