import type { AuthClient } from './client.js';
import { byId, notice } from './dom.js';
import { refusalOf } from './refusal.js';

/** The form for a new password. It ends the visitor's sessions on all other devices. */
export function passwordForm(client: AuthClient): void {
  const form = byId<HTMLFormElement>('password-form');
  const [current, next] = [byId<HTMLInputElement>('current-password'), byId<HTMLInputElement>('next-password')];
  const change = async () => {
    const response = await client.fetch('/profile/password', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ current: current.value, next: next.value }),
    });
    if (!response.ok) throw new Error(await refusalOf(response));
    byId<HTMLDetailsElement>('change-password').open = false;
    notice('Your password has changed, and your sessions on all other devices have ended.');
  };
  const button = form.querySelector('button')!;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    button.disabled = true;
    change()
      .catch((error: unknown) => notice((error as Error).message, true))
      .finally(() => {
        form.reset();
        button.disabled = false;
      });
  });
  // The next user must not see a half-typed password.
  client.onChange(({ type }) => {
    if (type !== 'refreshed') form.reset();
  });
}
