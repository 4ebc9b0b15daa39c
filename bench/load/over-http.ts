import { type Answer, HttpConnection } from './http-connection.js';
import type { Workload } from './measure.js';

/** Each caller has a connection of its own, and makes the same call over and over. */
export function overHttp<Caller>(
  port: number,
  callers: readonly Caller[],
  call: (connection: HttpConnection, caller: Caller) => Promise<void>,
): Workload {
  return {
    async open() {
      // Anew each time: the servers close connections that have been idle for some seconds.
      const connections = await Promise.all(callers.map(() => HttpConnection.open(port)));
      return {
        steps: connections.map((connection, index) => () => call(connection, callers[index])),
        close: () => connections.forEach((connection) => connection.close()),
      };
    },
  };
}

/** @throws Error for any other answer than 200: what fails is not to be measured */
export function assertOk({ status, body }: Answer, request: string): void {
  if (status !== 200) throw new Error(`${request} was answered with ${status}: ${body}`);
}
