import type { BindingKind } from 'nestjs-refresh-token/binding';
import { generateProofKey, hashOf, type ProofKey, signProof } from '../../test/support/dpop.js';
import { generateIdentity } from '../../test/support/tls.js';
import type { Workload } from '../load/measure.js';
import { assertOk, overHttp } from '../load/over-http.js';

/** A session, and how its client shows that it is bound to it. */
interface BoundSession {
  refreshToken: string;
  readonly accessToken: string;
  readonly clientNonce: string | undefined;
  readonly certificate: string | undefined;
  readonly key: ProofKey | undefined;
}

/** As `Host` has it in the requests of the load. */
const ORIGIN = 'http://localhost';
/** What a Chromium sends of itself. */
const BROWSER =
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n' +
  'Sec-CH-UA: "Chromium";v="140", "Not=A?Brand";v="24"\r\nSec-CH-UA-Platform: "Linux"\r\nSec-CH-UA-Mobile: ?0\r\n';

/** Signs this number of sessions in, each bound in this way. */
export function signInBound(port: number, kind: BindingKind | undefined, count: number): Promise<BoundSession[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const key = kind === 'dpop' ? await generateProofKey() : undefined;
      const certificate = kind === 'tls' ? encodeURIComponent((await generateIdentity()).cert) : undefined;
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (key) headers.dpop = await proofFor(key, 'POST', '/auth/login', `http://localhost:${port}`);
      if (certificate) headers['x-forwarded-client-cert'] = certificate;
      const bind = kind === 'dpop' ? undefined : kind;
      const response = await fetch(`http://localhost:${port}/auth/login`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ username: 'bench', password: 'bench', transport: 'body', bind }),
      });
      if (response.status !== 200) throw new Error(`The login was answered with ${response.status}.`);
      const body = (await response.json()) as Record<string, string>;
      const { access_token: accessToken, refresh_token: refreshToken, client_nonce: clientNonce } = body;
      return { accessToken, refreshToken, clientNonce, certificate, key };
    }),
  );
}

/** Every session refreshes, each time with the token that it received last, and with what it is bound to. */
export function refreshingBound(port: number, sessions: readonly BoundSession[]): Workload {
  return signedBeforehand(port, sessions, 'POST', '/auth/refresh', async (connection, session, proof) => {
    const nonce = session.clientNonce ? `,"client_nonce":"${session.clientNonce}"` : '';
    const json = `{"refresh_token":"${session.refreshToken}"${nonce}}`;
    const answer = await connection.post('/auth/refresh', json, BROWSER + certificateOf(session) + proof);
    assertOk(answer, 'POST /auth/refresh');
    session.refreshToken = /"refresh_token":"([\w-]+)"/.exec(answer.body)![1];
  });
}

/** Every session asks for the same small resource with its access token. */
export function gettingBound(port: number, sessions: readonly BoundSession[]): Workload {
  return signedBeforehand(port, sessions, 'GET', '/guarded', async (connection, session, proof) => {
    const authorization = `Authorization: ${session.key ? 'DPoP' : 'Bearer'} ${session.accessToken}\r\n`;
    assertOk(await connection.get('/guarded', authorization + certificateOf(session) + proof), 'GET /guarded');
  });
}

/** More than a session needs in one measurement. */
const PROOFS = 5_000;

/** A proof is good once, and what it costs the client is not the question: they are signed before the clock runs. */
function signedBeforehand(
  port: number,
  sessions: readonly BoundSession[],
  method: string,
  path: string,
  call: (connection: Connection, session: BoundSession, proof: string) => Promise<void>,
): Workload {
  return {
    async open() {
      const proofs = await Promise.all(
        sessions.map(async ({ key, accessToken }) => {
          if (!key) return undefined;
          const claims = method === 'GET' ? { ath: hashOf(accessToken) } : {};
          return Promise.all(Array.from({ length: PROOFS }, () => proofFor(key, method, path, ORIGIN, claims)));
        }),
      );
      const next = (index: number) => {
        const list = proofs[index];
        if (!list) return '';
        const proof = list.pop();
        if (proof === undefined) throw new Error('There were too few proofs for this measurement.');
        return `DPoP: ${proof}\r\n`;
      };
      const callers = sessions.map((session, index) => ({ session, index }));
      const load = overHttp(port, callers, (connection, { session, index }) => call(connection, session, next(index)));
      return load.open();
    },
  };
}

type Connection = Parameters<Parameters<typeof overHttp>[2]>[0];

function certificateOf({ certificate }: BoundSession): string {
  return certificate === undefined ? '' : `X-Forwarded-Client-Cert: ${certificate}\r\n`;
}

function proofFor(key: ProofKey, htm: string, path: string, origin: string, claims = {}): Promise<string> {
  return signProof(key, { htm, htu: origin + path, iat: Math.floor(Date.now() / 1000), ...claims });
}
