import { type AccessToken, authorized, isBound } from '../access-token.js';
import type { ProvenClient, Proofs, Send } from '../dpop-option.js';
import { copiesOf } from '../repeatable.js';
import { discard, errorCodeOf } from '../responses.js';
import { absoluteUrl } from '../url.js';
import type { DpopKey } from './dpop-key.js';

/** The client corrects its clock if it differs from the server's by more than this many milliseconds. */
const CLOCK_TOLERANCE = 5_000;
/** One repeat for the time and one for the nonce. */
const MOST_REPEATS = 2;

/** Sends requests with proofs of a key, and learns from the responses how the next proof has to be. */
export function provenRequests(client: ProvenClient, key: DpopKey): Proofs {
  const { authUrl, baseUrl } = client;
  /** The last nonce of each server (RFC 9449 §8.2), by its host: its WebSockets have a different origin. */
  const nonces = new Map<string, string>();
  let clockOffset = 0;

  const prove = async (
    method: string,
    url: string,
    token: AccessToken | null | undefined,
    beginsSession: boolean,
  ): Promise<string | undefined> => {
    if (token && !isBound(token)) return undefined;
    if (beginsSession && !(await key.prepare())) return undefined;
    const nonce = nonces.get(new URL(url).host);
    return key.prove({ method, url, accessToken: token?.value, nonce, clockOffset });
  };

  const proofFor: Proofs['proofFor'] = async (method, url, token) =>
    // A sign-out needs no proof. So it does not depend on the key.
    url === `${authUrl}/logout` ? undefined : prove(method, url, token, url === `${authUrl}/login`);

  const learn: Proofs['learn'] = async (url, status, headers, errorCode) => {
    const nonce = headers.get('dpop-nonce');
    if (nonce) nonces.set(new URL(url).host, nonce);
    if (status !== 400 && status !== 401) return false;
    const code = await errorCode();
    if (code === 'use_dpop_nonce') return !!nonce;
    if (code !== 'invalid_dpop_proof') return false;
    const offset = Date.parse(headers.get('date') ?? '') - Date.now();
    const wrong = Math.abs(offset - clockOffset) > CLOCK_TOLERANCE;
    if (wrong) clockOffset = offset;
    return wrong;
  };

  const send: Send = async (input, init, token) => {
    const { url, method } = typeof input === 'string' ? { url: input, method: 'GET' } : input;
    const htm = (init.method ?? method).toUpperCase();
    const copies = copiesOf(input, init.body);
    for (let repeats = MOST_REPEATS; ; repeats--) {
      const { headers } = authorized(init, token);
      const proof = await proofFor(htm, url, token);
      if (proof) headers.set('DPoP', proof);
      const response = await client.fetch(copies.take(!repeats), { ...init, headers });
      const again = await learn(url, response.status, response.headers, () => errorCodeOf(response));
      if (!again || !copies.hasNext()) {
        copies.drop();
        return response;
      }
      discard(response);
    }
  };

  return {
    send,
    proofFor,
    learn,
    // If nobody is signed in, it is for a login, which can make a new key.
    // A WebSocket begins as a request of HTTP.
    getProof: (url, method, token) =>
      prove(method.toUpperCase(), absoluteUrl(url.replace(/^ws/i, 'http'), baseUrl), token, !token),
    sessionIs: (bound) => key.sessionIs(bound),
    forget: () => key.forget(),
    clear: () => key.clear(),
  };
}
