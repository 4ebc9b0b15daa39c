import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { AuthEventBus } from './auth-event-bus.js';

/**
 * Forwards every event to `@nestjs/event-emitter`, if the host has imported its module. The names are `auth.signed_in`,
 * and so on.
 *
 * @example
 * @OnEvent('auth.reuse_detected')
 * warn(event: AuthEvent) {}
 */
@Injectable()
export class EventEmitterBridge implements OnModuleInit {
  constructor(
    private readonly events: AuthEventBus,
    private readonly moduleRef: ModuleRef,
  ) {}

  async onModuleInit(): Promise<void> {
    const emitter = await this.findEmitter();
    if (emitter) this.events.subscribe((event) => void emitter.emit(`auth.${event.type}`, event));
  }

  private async findEmitter() {
    try {
      const { EventEmitter2 } = await import('@nestjs/event-emitter');
      return this.moduleRef.get(EventEmitter2, { strict: false });
    } catch {
      // The package or its module is missing, so there are no listeners.
      return undefined;
    }
  }
}
