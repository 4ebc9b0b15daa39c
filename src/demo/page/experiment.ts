import type { AuthClient } from './client.js';
import { refusalOf } from './refusal.js';

/** What an experiment can do and tell. */
export interface Bench {
  client: AuthClient;
  /** One row: what was sent, what came back, and why. */
  tell(sent: string, received: string, why: string, good?: boolean): void;
  /** Waits so many milliseconds, visibly. */
  wait(milliseconds: number, what: string): Promise<void>;
}

export interface Experiment {
  id: string;
  title: string;
  about: string;
  /** Why it cannot be shown, where it cannot. */
  hindrance?(circumstances: Circumstances): string | undefined;
  run(bench: Bench): Promise<void>;
}

export async function ask<T = void>(client: AuthClient, method: string, path: string, body?: object): Promise<T> {
  const init = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await client.fetch(`/laboratory${path}`, { method, ...init });
  if (!response.ok) throw new Error(await refusalOf(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const token = async (client: AuthClient) =>
  (await ask<{ fingerprint: string }>(client, 'GET', '/token')).fingerprint;

/** What the server was configured with. */
export interface Circumstances {
  /** Milliseconds for which a predecessor is answered again. */
  grace_ms: number;
  /** Whether refreshes are judged by rules. */
  rules: boolean;
}

export const circumstances = (client: AuthClient) => ask<Circumstances>(client, 'GET', '');
export const grace = async (client: AuthClient) => (await circumstances(client)).grace_ms;
export const needsGrace = ({ grace_ms }: Circumstances) =>
  grace_ms === 0 ? 'Not to be shown here: with REFRESH_GRACE=0 there is no window.' : undefined;
export const succeeded = (answer: string) => answer.startsWith('200');

/** Refreshes, and says what came of it. */
export async function refreshed(client: AuthClient): Promise<string> {
  try {
    await client.refresh();
    return (await client.user()) ? `200: token ${await token(client)}` : '401: invalid_grant';
  } catch (error) {
    return `refused: ${(error as { code: string }).code}`;
  }
}
