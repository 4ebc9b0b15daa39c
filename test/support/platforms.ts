import { Controller, Post } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Clock } from 'nestjs-refresh-token';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { ManualClock } from './auth-app.js';
import './built.js';
import { OrdersController } from './clients.js';
import { listening, MINUTE } from './listening.js';
import { root } from './root.js';

/** The client as one file, and what it does on each platform. */
export const bundlePath = join(root, 'dist/client/client.min.js');
export const storyPath = join(root, 'test/support/platform-story.js');

@Controller('expire')
class ExpiryController {
  constructor(private readonly clock: Clock) {}

  /** Ends the life of all access tokens. */
  @Post()
  expire() {
    (this.clock as ManualClock).advance(16 * MINUTE);
  }
}

/** The server of {@link liveThrough}, for pages of every origin, and a server that must not be given a token. */
export function platformHost(configure: (app: INestApplication) => void = () => {}) {
  const strangers: IncomingHttpHeaders[] = [];
  let canary: Server;
  const app = listening('express', {
    controllers: [OrdersController, ExpiryController],
    configure(nest) {
      nest.enableCors({ origin: true, exposedHeaders: ['Retry-After', 'WWW-Authenticate'] });
      configure(nest);
    },
  });
  beforeAll(async () => {
    canary = createServer((request, response) => {
      if (request.method !== 'OPTIONS') strangers.push(request.headers);
      response.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }).end('{}');
    });
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => canary.close());
  beforeEach(() => void (strangers.length = 0));

  return {
    app,
    /** The headers of each request that the other server got. */
    strangers,
    setting: () => ({
      baseUrl: app.url,
      canary: `http://127.0.0.1:${(canary.address() as AddressInfo).port}/`,
    }),
  };
}

/** What {@link liveThrough} tells where all is well. */
export const WELL = {
  before: null,
  wrongPassword: 'invalid_credentials',
  user: 'user-alice',
  read: 200,
  written: { of: ['tea'] },
  expired: 201,
  healed: [200, 200, 200],
  aborted: 'AbortError',
  sessions: 1,
  stored: true,
  after: null,
  emptied: true,
  refused: 401,
  changes: ['signed_out', 'signed_in', 'refreshed', 'refreshed', 'signed_out'],
};
