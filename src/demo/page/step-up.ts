import type { AuthClient } from './client.js';
import { byId } from './dom.js';

let asking: Promise<boolean> | undefined;

/** Asks for the password and steps up. Returns whether it succeeded. Parallel calls share one dialog and its result. */
export function askToStepUp(client: AuthClient): Promise<boolean> {
  asking ??= ask(client).finally(() => {
    asking = undefined;
  });
  return asking;
}

async function ask(client: AuthClient): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>('step-up');
  const password = byId<HTMLInputElement>('step-up-password');
  const wrong = byId('step-up-error');
  wrong.textContent = '';
  for (;;) {
    password.value = '';
    dialog.returnValue = '';
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
    if (dialog.returnValue !== 'go') return false;
    try {
      await client.stepUp({ password: password.value });
      return true;
    } catch (error) {
      // The dialog opens again with the error. “Not now” closes it.
      wrong.textContent = (error as Error).message;
    } finally {
      password.value = '';
    }
  }
}
