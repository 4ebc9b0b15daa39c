import type { Workload } from '../load/measure.js';
import { assertOk, overHttp } from '../load/over-http.js';
import type { Session } from './session.js';

/** Every session refreshes, each time with the token that it received last. */
export function refreshing(port: number, sessions: readonly Session[]): Workload {
  return overHttp(port, sessions, async (connection, session) => {
    const answer = await connection.post('/auth/refresh', `{"refresh_token":"${session.refreshToken}"}`);
    assertOk(answer, 'POST /auth/refresh');
    const successor = refreshTokenIn(answer.body);
    if (successor === session.refreshToken) throw new Error('A refresh was answered with the token it presented.');
    session.refreshToken = successor;
  });
}

/** The same bytes in and about as many out, from a route that does nothing. */
export function posting(port: number, sessions: readonly Session[]): Workload {
  return overHttp(port, sessions, async (connection, session) => {
    const answer = await connection.post('/bare/refresh', `{"refresh_token":"${session.refreshToken}"}`);
    assertOk(answer, 'POST /bare/refresh');
    refreshTokenIn(answer.body);
  });
}

function refreshTokenIn(body: string): string {
  const token = /"refresh_token":"([\w-]+)"/.exec(body)?.[1];
  if (token === undefined) throw new Error(`An answer without a refresh token: ${body}`);
  return token;
}
