import type { Workload } from '../load/measure.js';
import { assertOk, overHttp } from '../load/over-http.js';
import type { Session } from './session.js';

/** Every session asks for the same small resource with its access token, whether or not the route looks at it. */
export function getting(path: '/bare' | '/guarded', port: number, sessions: readonly Session[]): Workload {
  const requests = sessions.map(({ accessToken }) => `Authorization: Bearer ${accessToken}\r\n`);
  return overHttp(port, requests, async (connection, authorization) => {
    assertOk(await connection.get(path, authorization), `GET ${path}`);
  });
}
