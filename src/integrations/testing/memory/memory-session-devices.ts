import { Injectable } from '@nestjs/common';
import type { RefreshToken } from '../../../auth/session/refresh-token.entity.js';
import type { DeviceNovelty, SessionDevices } from '../../../auth/session/session-devices.js';
import { MemorySessions } from './memory-sessions.js';

/** Tells from the sessions in memory whether a user has signed in from a device before. */
@Injectable()
export class MemorySessionDevices implements Pick<SessionDevices, keyof SessionDevices> {
  constructor(private readonly sessions: MemorySessions) {}

  async claim({ id, userId }: RefreshToken, hashes: readonly string[]): Promise<DeviceNovelty | undefined> {
    const row = this.sessions.one(id, (one) => one.userId === userId);
    if (!row) return undefined;
    const others = this.sessions.where((one) => one.userId === userId && one.id !== id && one.actor === null);
    const isKnown = others.some(({ deviceHash }) => deviceHash !== null && hashes.includes(deviceHash));
    row.deviceHash = hashes[0];
    if (isKnown) return 'known';
    return others.length > 0 ? 'new' : 'first';
  }
}
