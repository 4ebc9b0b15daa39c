import type { AuthClient } from './client.js';
import { refusalOf } from './refusal.js';

/** The tools of an experiment. */
export interface Bench {
  client: AuthClient;
  /** Adds a row to the results: what was sent, what came back, and why that is good or bad. */
  tell(sent: string, received: string, why: string, good?: boolean): void;
  /** Waits for this many milliseconds, with a progress bar. */
  wait(milliseconds: number, what: string): Promise<void>;
}

export interface Experiment {
  id: string;
  title: string;
  about: string;
  /** Why the experiment is not available; `undefined` if it is. */
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

/** The server's configuration, as far as experiments need it. */
export interface Circumstances {
  /** The grace window in milliseconds. */
  grace_ms: number;
  /** Whether risk rules judge refreshes. */
  rules: boolean;
  /** How many logins with one name may fail from one address in a minute. */
  login_failures: number;
}

export const circumstances = (client: AuthClient) => ask<Circumstances>(client, 'GET', '');
export const grace = async (client: AuthClient) => (await circumstances(client)).grace_ms;
export const needsGrace = ({ grace_ms }: Circumstances) =>
  grace_ms === 0 ? 'Not available here: with REFRESH_GRACE=0 there is no grace window.' : undefined;
export const succeeded = (answer: string) => answer.startsWith('200');

/** Refreshes, and returns the result as text. */
export async function refreshed(client: AuthClient): Promise<string> {
  try {
    await client.refresh();
    return (await client.user()) ? `200: token ${await token(client)}` : '401: invalid_grant';
  } catch (error) {
    return `refused: ${(error as { code: string }).code}`;
  }
}
