import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * A port of this machine that nobody listens on. Drawn below the range from which systems take the ports of outgoing
 * connections: a port of that range can be taken again before the server that it is meant for binds it.
 *
 * @param second the distance of a second port that the server binds as well
 */
export async function freePort(second = 0): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(10_000, 32_000 - second);
    if ((await isFree(port)) && (await isFree(port + second))) return port;
  }
  throw new Error('Found no free port between 10000 and 32000 in 50 attempts.');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, () => probe.close(() => resolve(true)));
  });
}
