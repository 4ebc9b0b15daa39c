import type { AuthApp } from './auth-app.js';
import type { OwnerProcess } from './client-device.js';
import type { VirtualTime } from './virtual-time.js';

/** What becomes of one request, and of its answer. */
export const REQUEST_FAULTS = [
  'the request is lost',
  'the answer is lost',
  'nobody answers',
  'the answer comes late',
  'the request comes twice',
  'a copy comes later',
  'the request comes later',
  'a gateway answers',
] as const;

export type RequestFault = (typeof REQUEST_FAULTS)[number];

/** After these, the server may have to repeat an answer. */
export const DISTURBING: readonly RequestFault[] = REQUEST_FAULTS.filter(
  (fault) => fault !== 'the request is lost' && fault !== 'a gateway answers',
);

/** Answers that are not from the server of the session. None of them ends it. */
const FOREIGN: readonly (() => Response)[] = [
  () => new Response('<h1>Welcome</h1>', { headers: { 'content-type': 'text/html' } }),
  () => new Response('<h1>Sign in to the Wi-Fi</h1>', { status: 401 }),
  () => new Response('', { status: 403 }),
  () => new Response('<h1>Bad gateway</h1>', { status: 502 }),
  () => Response.json({ error: 'slow_down' }, { status: 429, headers: { 'retry-after': '1' } }),
  () => Response.json({ error: 'temporarily_unavailable' }, { status: 503, headers: { 'retry-after': '2' } }),
  () => Response.json({ error: 'invalid_token' }, { status: 401 }),
  () => Response.json({ error: 'not_found' }, { status: 404 }),
  () => Response.json({ error: 'refresh_token_missing' }, { status: 400 }),
];

/** One request to a route of the server. */
export interface Sent {
  readonly path: string;
  readonly body: Record<string, unknown> & { refresh_token?: string };
}

export interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: [string, string][];
}

/** Brings a request to the server in this process, through its whole HTTP layer. */
export async function send({ app }: AuthApp, { path, body }: Sent): Promise<Got> {
  const server = app.getHttpAdapter().getInstance() as { inject(request: object): Promise<Injected> };
  const { statusCode, payload, headers } = await server.inject({
    method: 'POST',
    url: path,
    payload: JSON.stringify(body),
    headers: { 'content-type': 'application/json', 'user-agent': 'client-history' },
  });
  const kept = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  return { status: statusCode, text: payload, headers: kept };
}

interface Injected {
  statusCode: number;
  payload: string;
  headers: Record<string, unknown>;
}

/** The generation of a token. Nobody but a test should read it. */
export function generationIn(token: string): number {
  return Buffer.from(token.slice('nrt_'.length), 'base64url').readUInt32BE(20);
}

/** A packet that the network holds back. */
interface Packet {
  readonly generation: number;
  readonly sent: Sent;
}

export interface NetworkOptions {
  readonly time: VirtualTime;
  readonly chance: () => number;
  /** Chooses what becomes of a request that presents this generation. */
  readonly faultOf: (generation: number) => RequestFault | undefined;
  readonly deliver: (sent: Sent) => Promise<Got>;
}

/** Milliseconds. */
const MOST_LATENCY = 20;

/** The network between the processes of one owner and the server. */
export class Network {
  /** Requests that have not reached the server. */
  #underWay = 0;
  #packets: Packet[] = [];

  constructor(private readonly options: NetworkOptions) {}

  /** `fetch` of one process. */
  fetchOf(owner: OwnerProcess): typeof fetch {
    return async (input, init) => {
      const path = new URL(String(input)).pathname;
      const sent = { path, body: JSON.parse(init!.body as string) as Sent['body'] };
      await owner.point();
      const aborted = new Promise<never>((_, reject) =>
        init!.signal!.addEventListener('abort', () => reject(new DOMException('Aborted.', 'AbortError'))),
      );
      aborted.catch(() => undefined);
      const response = await Promise.race([this.#pass(sent, owner), aborted]);
      await owner.point();
      return response;
    };
  }

  /** No packet lives for longer than two more uses. */
  async deliverBefore(generation: number): Promise<void> {
    const overdue = this.#packets.filter((packet) => packet.generation <= generation - 2);
    this.#packets = this.#packets.filter((packet) => !overdue.includes(packet));
    for (const { sent } of overdue) await this.options.deliver(sent);
  }

  /** No packet is under way for as long as it takes to restore a backup. */
  async deliverAll(): Promise<void> {
    while (this.#underWay > 0) await this.options.time.sleep(MOST_LATENCY);
    while (this.#packets.length > 0) await this.deliverOne();
  }

  /** The oldest of the packets that are held back. */
  async deliverOne(): Promise<void> {
    const packet = this.#packets.shift();
    if (packet) await this.options.deliver(packet.sent);
  }

  async #pass(sent: Sent, owner: OwnerProcess): Promise<Response> {
    const { time, chance } = this.options;
    this.#underWay++;
    const reached = await this.#reach(sent).finally(() => this.#underWay--);
    if (reached instanceof Response) return reached;
    await owner.point();
    await time.sleep(chance() * MOST_LATENCY);
    const { fault, answer } = reached;
    if (fault === 'the answer is lost') throw lost();
    if (fault === 'nobody answers') return new Promise(() => {});
    if (fault === 'the answer comes late') await time.sleep(chance() * 25_000);
    const { status, text, headers } = answer;
    return new Response(status === 204 ? null : text, { status, headers });
  }

  /** Brings the request to the server, or to a gateway that answers in its place. */
  async #reach(sent: Sent): Promise<Response | { fault: RequestFault | undefined; answer: Got }> {
    const { time, chance, faultOf, deliver } = this.options;
    const generation = sent.body.refresh_token ? generationIn(sent.body.refresh_token) : -1;
    await time.sleep(chance() * MOST_LATENCY);
    await this.deliverBefore(generation);
    const fault = faultOf(generation);
    switch (fault) {
      case 'the request is lost':
        throw lost();
      case 'the request comes later':
        this.#packets.push({ generation, sent });
        throw lost();
      case 'a gateway answers':
        return FOREIGN[Math.floor(chance() * FOREIGN.length)]();
      case 'a copy comes later':
        this.#packets.push({ generation, sent });
        break;
      default:
        break;
    }
    const [answer] = await Promise.all([deliver(sent), fault === 'the request comes twice' && deliver(sent)]);
    return { fault, answer };
  }
}

const lost = () => new TypeError('fetch failed');
