import type { AuthEvent } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { expect } from 'vitest';
import type { AuthContext } from './auth-app.js';
import { DpopClient, generateProofKey } from './dpop.js';
import type { Answer } from './http.js';
import { KeyedClient, type KeyedBody, type KeyedClientOptions, type Network, present } from './keyed-client.js';

export const GRACE = 10_000;
/** How long a client waits before it refreshes: a little less than the life of an access token. */
export const BETWEEN_REFRESHES = 12 * 60_000;

type Host = Pick<AuthContext, 'clock' | 'events' | 'dataSource'> & { url: string };

/** A client of this host, signed in as alice. Its waits advance the clock of the host. */
export async function signedInClient(
  host: Host,
  options: Partial<KeyedClientOptions> = {},
  credentials?: object,
): Promise<KeyedClient & { sessionId: string }> {
  const client = new KeyedClient({
    url: host.url,
    wait: (milliseconds) => host.clock.advance(milliseconds),
    ...options,
  });
  const { body } = await client.login('alice', credentials);
  return Object.assign(client, { sessionId: body.session_id });
}

/** A network that remembers its answers, whatever becomes of the client. */
export function recorded(url: string): { network: Network; answers: Answer<KeyedBody>[] } {
  const answers: Answer<KeyedBody>[] = [];
  const network: Network = async (request) => {
    const answer = await present(url, request);
    answers.push(answer);
    return answer;
  };
  return { network, answers };
}

/** The event that says that two parties hold tokens of the session. */
export function accusationOf({ events }: Pick<Host, 'events'>, sessionId: string): AuthEvent | undefined {
  return events.find(
    (event) => event.sessionId === sessionId && (event.type === 'reuse_detected' || event.type === 'token_shared'),
  );
}

/** Nobody was accused, and the session lives. */
export async function expectGoodStanding(host: Host, sessionId: string): Promise<void> {
  expect(accusationOf(host, sessionId)).toBeUndefined();
  expect(await rowOf(host, sessionId)).toMatchObject({ revokedAt: null, revokedReason: null });
}

/** The session has ended by an alert that names it. */
export async function expectAccused(host: Host, sessionId: string, type?: string): Promise<void> {
  const accusation = accusationOf(host, sessionId);
  expect(accusation).toMatchObject({ sessionId, userId: 'user-alice', alert: true });
  if (type) expect(accusation!.type).toBe(type);
  expect(await rowOf(host, sessionId)).toMatchObject({ revokedReason: accusation!.type });
}

/** A copy of the row of a session. */
export function rowOf({ dataSource }: Pick<Host, 'dataSource'>, sessionId: string): Promise<RefreshToken> {
  return dataSource.getRepository(RefreshToken).findOneByOrFail({ id: sessionId });
}

/** The database loses what it committed since this copy was taken. */
export async function setBack({ dataSource }: Pick<Host, 'dataSource'>, ...copies: RefreshToken[]): Promise<void> {
  for (const copy of copies) await dataSource.getRepository(RefreshToken).update(copy.id, copy);
}

/** The header fields of a client that proves possession of its key (DPoP), for each route a fresh proof. */
export async function proving({ url, clock }: Pick<Host, 'url' | 'clock'>): Promise<KeyedClientOptions['headers']> {
  const proofs = new DpopClient(await generateProofKey(), url, () => clock.now());
  return async (path) => ({ dpop: await proofs.proof('POST', path) });
}
