import { setTimeout as sleep } from 'node:timers/promises';
import { HttpConnection } from '../load/http-connection.js';
import type { Workload } from '../load/measure.js';

const WRONG = '{"username":"bench","password":"wrong","transport":"body"}';
const RIGHT = '{"username":"bench","password":"bench","transport":"body"}';

/** The workload, while this number of connections send wrong passwords. After a 503 they wait for the second it asks for. */
export function flooded(port: number, count: number, workload: Workload): Workload {
  return {
    async open() {
      const { steps, close } = await workload.open();
      const attackers = await Promise.all(Array.from({ length: count }, () => HttpConnection.open(port)));
      for (const attacker of attackers) void attack(attacker);
      return {
        steps,
        async close() {
          for (const attacker of attackers) attacker.close();
          await close();
          await drained(port);
        },
      };
    },
  };
}

/** Until the connection is closed. */
async function attack(connection: HttpConnection): Promise<void> {
  for (;;) {
    const { status } = await connection.post('/auth/login', WRONG);
    if (status === 503) await sleep(1_000);
  }
}

/** What the flood has begun goes on after its end, and would fall on the next measurement. */
async function drained(port: number): Promise<void> {
  const connection = await HttpConnection.open(port);
  while ((await connection.post('/auth/login', RIGHT)).status !== 200) await sleep(200);
  connection.close();
}
