import { createHmac } from 'node:crypto';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { KeyRing } from '../common/crypto/key-ring.js';
import { AuthDatabase } from '../common/database/auth-database.js';
import { AuthError } from '../common/errors/auth-error.js';
import { causeOf } from '../common/errors/cause-of.js';
import { escapeControls } from '../common/logging/escape-controls.js';
import { parseUserAgent } from '../common/request/parse-user-agent.js';
import { settledWithin } from '../common/time/settled-within.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { SessionDevices } from '../session/session-devices.js';
import { RefreshTokenConfig } from '../session/session-options.js';

/** Milliseconds that a stop of the application waits for sign-ins that are still judged. */
const LONGEST_STOP = 5_000;
const DEVICE_ID = /^\P{Cc}{1,255}$/u;

/**
 * Tells the host of sign-ins from new devices, if the option `refreshToken.onNewDevice` is set. A device is known while
 * the table has a session of the user that began there.
 */
@Injectable()
export class NewDevices implements OnModuleInit {
  private readonly logger = new Logger(NewDevices.name);
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    private readonly sessions: SessionDevices,
    private readonly events: AuthEventBus,
    private readonly keyRing: KeyRing,
    private readonly config: RefreshTokenConfig,
    private readonly database: AuthDatabase,
  ) {}

  onModuleInit(): void {
    this.database.onClose(() => settledWithin(LONGEST_STOP, Promise.all(this.underWay)));
  }

  /** @throws AuthError `invalid_request` for an id that is not valid, because a client may have sent it */
  assertId(deviceId: unknown): void {
    if (deviceId === undefined || (typeof deviceId === 'string' && DEVICE_ID.test(deviceId))) return;
    throw new AuthError(
      'invalid_request',
      'Not valid: the device id. It has 1 to 255 characters, and no control characters.',
    );
  }

  /**
   * Judges a sign-in in the background, once it has succeeded.
   *
   * @param deviceId `undefined` if nothing but the user agent tells the device
   */
  signedIn(session: RefreshToken, deviceId: string | undefined): void {
    if (this.config.onNewDevice === false) return;
    const work = this.judge(session, deviceId)
      .catch((error: unknown) =>
        this.logger.error(`A new device was not told: ${escapeControls(String(causeOf(error)))}`),
      )
      .finally(() => this.underWay.delete(work));
    this.underWay.add(work);
  }

  private async judge(session: RefreshToken, deviceId: string | undefined): Promise<void> {
    const novelty = await this.sessions.claim(session, this.hashesOf(session, deviceId));
    if (novelty !== 'new' && novelty !== 'first') return;
    const { id: sessionId, userId, clientId, deviceName, ip, userAgent, country, createdAt: signedInAt } = session;
    const isFirst = novelty === 'first';
    const of = { userId, sessionId, clientId, ip, userAgent, country };
    this.events.publish({ type: 'new_device', ...of, reason: isFirst ? 'first_session' : undefined });
    const { onNewDevice } = this.config;
    if (typeof onNewDevice === 'function') await onNewDevice({ ...of, deviceName, signedInAt, isFirst });
  }

  /** One hash for each configured secret. A dump of the table tells nothing of the devices. */
  private hashesOf({ userId, userAgent }: RefreshToken, deviceId: string | undefined): string[] {
    const device = deviceId === undefined ? ['kind', ...kindOf(userAgent ?? '')] : ['id', deviceId];
    const text = JSON.stringify([userId, ...device]);
    return this.keyRing.all.map(({ knownDevice }) =>
      createHmac('sha256', knownDevice).update(text).digest('base64url'),
    );
  }
}

/** Browser family and system. An update of either does not make a device new. */
function kindOf(userAgent: string): [browser: string, system: string] {
  const { browser, os } = parseUserAgent(userAgent);
  return [browser, os];
}
