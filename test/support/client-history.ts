import { expect } from 'vitest';
import type { AuthApp } from './auth-app.js';
import { accusationOf, rowOf } from './chain.js';
import { Device, OwnerProcess, type StoreFault } from './client-device.js';
import { DISTURBING, type Got, Network, REQUEST_FAULTS, type RequestFault, send, type Sent } from './client-network.js';
import { DAY, MINUTE, SECOND } from './listening.js';
import { seeded } from './seeded.js';
import { virtualClients, VirtualTime } from './virtual-time.js';

/** How often one use of a token may be disturbed. The server repeats an answer three times after its window. */
const MOST_DISTURBANCES = 3;
/** Longer than this, no history lasts. The default of the server is 30 days; it forgets a session after 7 idle ones. */
const LONGEST_HISTORY = 24 * DAY;
const LONGEST_PAUSE = 5 * DAY;
/** No process does more than this at once. */
const MOST_POINTS = 24;

const STORE_FAULTS: readonly StoreFault[] = [
  'it throws',
  'it can only be read',
  'it never answers',
  'it says that it is empty',
  'it writes too late',
];

/** What the histories did, in sum. */
export interface HistoryCount {
  histories: number;
  refreshes: number;
  kills: number;
  faults: number;
  storeFaults: number;
  backups: number;
}

/** The device of an owner, its processes, and its network: with the real client, and the real server. */
export class Owner {
  readonly time: VirtualTime;
  readonly device: Device;
  readonly network: Network;
  readonly processes: OwnerProcess[] = [];
  readonly story: string[] = [];
  /** Every request that has reached the server. */
  readonly sent: Sent[] = [];
  sessionId = '';
  /** The highest generation that the server has given out. */
  highest = 0;
  /** Answers with a token. */
  refreshes = 0;
  isDisturbed = false;
  /** What becomes of the next requests. */
  nextFaults: RequestFault[] = [];
  faults = 0;
  #disturbances = { generation: 0, count: 0 };

  constructor(
    private readonly app: AuthApp,
    private readonly start: Awaited<ReturnType<typeof virtualClients>>,
    readonly chance: () => number,
    private readonly locks: boolean,
  ) {
    this.time = new VirtualTime(app.clock.now(), (milliseconds) => app.clock.advance(milliseconds));
    this.device = new Device(this.time, chance);
    this.network = new Network({
      time: this.time,
      chance,
      faultOf: (generation) => this.#faultOf(generation),
      deliver: (sent) => this.deliver(sent),
    });
  }

  /** A new process on the device. */
  launch(device = this.device): OwnerProcess {
    const inner = this.start(this.time, this.chance);
    const owner = new OwnerProcess(inner);
    const store = device.storeOf(owner, this.locks);
    owner.client = inner.createAuthClient({
      baseUrl: 'https://api.example',
      store,
      fetch: this.network.fetchOf(owner),
    });
    this.processes.push(owner);
    return owner;
  }

  async signIn(): Promise<OwnerProcess> {
    const owner = this.launch();
    const username = `user-${Math.floor(this.chance() * 1e12)}`;
    await this.time.until(owner.client.login({ username, password: 'a-password' }));
    this.sessionId = this.device.session!.sessionId!;
    return owner;
  }

  /** Whether this use of a token may be disturbed once more. */
  mayDisturb(generation: number): boolean {
    if (this.#disturbances.generation !== generation) this.#disturbances = { generation, count: 0 };
    return ++this.#disturbances.count <= MOST_DISTURBANCES;
  }

  async deliver(sent: Sent): Promise<Got> {
    this.sent.push(sent);
    const got = await this.time.real(send(this.app, sent));
    const body = JSON.parse(got.text || '{}') as { generation?: number; error?: string };
    const { idempotency_key: key, received_with: claim } = sent.body;
    this.story.push(
      `${this.time.now} ${sent.path} ${tokenOf(sent)} key ${short(key)} claim ${claim ? JSON.stringify(claim) : 'none'}: ` +
        `${got.status} ${body.error ?? body.generation}`,
    );
    if (body.generation !== undefined) {
      this.highest = Math.max(this.highest, body.generation);
      this.refreshes++;
    }
    return got;
  }

  stop(): void {
    for (const owner of this.processes) owner.kill();
  }

  #faultOf(generation: number): RequestFault | undefined {
    const chosen = this.nextFaults.shift();
    if (chosen || !this.isDisturbed || this.chance() < 0.5) return chosen;
    return this.#randomFault(generation);
  }

  #randomFault(generation: number): RequestFault | undefined {
    const fault = REQUEST_FAULTS[Math.floor(this.chance() * REQUEST_FAULTS.length)];
    if (DISTURBING.includes(fault) && !this.mayDisturb(generation)) return undefined;
    this.faults++;
    this.story.push(`${this.time.now} ${fault}`);
    return fault;
  }
}

const short = (key: unknown) => String(key).slice(0, 6);
const tokenOf = ({ body }: Sent) =>
  body.refresh_token ? Buffer.from(body.refresh_token.slice(4), 'base64url').readUInt32BE(20) : 'nothing';

/** Runs random histories of honest owners. */
export class ClientHistories {
  readonly count: HistoryCount = { histories: 0, refreshes: 0, kills: 0, faults: 0, storeFaults: 0, backups: 0 };

  private constructor(
    readonly app: AuthApp,
    readonly start: Awaited<ReturnType<typeof virtualClients>>,
  ) {}

  static async on(app: AuthApp): Promise<ClientHistories> {
    // Each history has a user of its own, and no password to check.
    app.users.validateCredentials = async (username) => ({ id: username, roles: [] });
    app.users.loadUser = async (id) => ({ id, roles: [] });
    return new ClientHistories(app, await virtualClients());
  }

  /**
   * Runs one history.
   *
   * @throws an error with the seed and the requests of the history, if the session was lost or accused
   */
  async run(seed: number): Promise<void> {
    const chance = seeded(seed);
    this.app.events.length = 0;
    const locks = chance() < 0.5;
    const owner = new Owner(this.app, this.start, chance, locks);
    try {
      await this.#live(owner);
    } catch (error) {
      const story = [...owner.story.slice(-40), ...this.app.events.slice(-6).map((event) => JSON.stringify(event))];
      throw new Error(`HISTORY_SEED=${seed} HISTORIES=1 (${locks ? 'with' : 'without'} a lock)\n${story.join('\n')}`, {
        cause: error,
      });
    } finally {
      owner.stop();
    }
    this.count.histories++;
    this.count.refreshes += owner.refreshes;
    this.count.faults += owner.faults;
  }

  async #live(owner: Owner): Promise<void> {
    const { chance, time, device, network, story } = owner;
    const startedAt = time.now;
    let usedAt = time.now;
    await owner.signIn();
    const most = 1 + Math.floor(chance() * chance() * 4);
    const alive = () => owner.processes.filter(({ isDead }) => !isDead);
    const some = () => {
      const running = alive();
      return running.length < most && (!running.length || chance() < 0.3)
        ? owner.launch()
        : running[Math.floor(chance() * running.length)];
    };
    const isStored = () => !device.late && (device.session?.generation ?? -1) >= owner.highest;
    /** Nobody uses a token before it is stored. So a kill loses one use at most, which is repeated. */
    const isNearlyStored = () => !device.late && (device.session?.generation ?? -1) >= owner.highest - 1;
    let backup: Device | undefined;

    const refresh = async (processes: OwnerProcess[]) => {
      owner.isDisturbed = chance() < 0.7;
      const isKilled = chance() < 0.3 && isNearlyStored() && owner.mayDisturb(device.session!.generation!);
      if (isKilled) {
        const victim = processes[Math.floor(chance() * processes.length)];
        victim.dieAt(1 + Math.floor(chance() * MOST_POINTS));
        this.count.kills++;
        story.push(`${time.now} one of ${processes.length} is killed`);
      }
      if (chance() < 0.15 && isStored()) {
        // A write that lands late is undone by the process that has the newer token. Others cannot know.
        const faults = STORE_FAULTS.slice(0, most === 1 ? 5 : 4);
        device.fault = faults[Math.floor(chance() * faults.length)];
        this.count.storeFaults++;
        story.push(`${time.now} the store: ${device.fault}`);
      }
      await time.until(Promise.all(processes.map((process) => process.refresh())));
      device.fault = undefined;
      owner.isDisturbed = false;
      for (const process of processes) process.dieAt(Infinity);
      usedAt = time.now;
    };

    const steps = 4 + Math.floor(chance() * 8);
    for (let step = 0; step < steps; step++) {
      const kind = chance();
      if (kind < 0.45) await refresh([some()]);
      else if (kind < 0.52) await refresh([...new Set([some(), some(), some()])]);
      else if (kind < 0.6) await network.deliverOne();
      else if (kind < 0.64) backup = isStored() ? device.copy() : undefined;
      else if (kind < 0.68 && backup) {
        if (!isStored()) continue;
        // First the processes end: one of them could send its next request while the others are delivered.
        for (const process of alive()) process.kill();
        await time.until(network.deliverAll());
        const age = owner.highest - backup.session!.generation!;
        if (age > 1 || !owner.mayDisturb(backup.session!.generation!)) continue;
        device.text = backup.text;
        backup = undefined;
        this.count.backups++;
        story.push(`${time.now} a backup is restored, of ${age} generations before`);
      } else {
        const pause = [20 * SECOND, 10 * SECOND, 30 * MINUTE, DAY][Math.floor(chance() * 4)] * chance();
        if (time.now + pause - usedAt < LONGEST_PAUSE && time.now + pause - startedAt < LONGEST_HISTORY) {
          time.jump(pause);
        }
      }
      expect(accusationOf(this.app, owner.sessionId)).toBeUndefined();
      expect(device.cleared).toBe(0);
    }

    // What was under way goes on, and fails if the machine slept meanwhile. Then, what a store could not write, it writes.
    for (let again = 0; again < 2; again++) {
      await time.until(Promise.all([...new Set([...alive(), some()])].map((process) => process.refresh())));
    }
    for (let use = 0; use < 3; use++) {
      for (const process of alive()) process.kill();
      time.jump(12 * MINUTE);
      const before = owner.highest;
      await time.until(owner.launch().refresh());
      expect(owner.highest).toBeGreaterThan(before);
    }
    expect(accusationOf(this.app, owner.sessionId)).toBeUndefined();
    expect(await rowOf(this.app, owner.sessionId)).toMatchObject({ revokedAt: null, revokedReason: null });
    expect(device.cleared).toBe(0);
    expect(device.session).toMatchObject({ sessionId: owner.sessionId });
  }
}
