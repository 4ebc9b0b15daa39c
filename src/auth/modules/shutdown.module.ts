import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import { AuthModuleRegistry } from './auth-module-registry.js';

/**
 * Ends the work of each `AuthModule` with its database, when the server has closed and before TypeORM closes its pools.
 *
 * `AuthModule` cannot do this itself. Like the module of TypeORM it is global, and Nest ends global modules last, in an
 * order that depends on the order of the imports. This module is not global, so it ends before both.
 */
@Module({ providers: [AuthModuleRegistry] })
export class ShutdownModule implements OnApplicationShutdown {
  constructor(private readonly modules: AuthModuleRegistry) {}

  async onApplicationShutdown(): Promise<void> {
    // A start that failed may have left a module without one.
    const databases = this.modules.all.map(({ service }) => service(AuthDatabase) as AuthDatabase | null);
    await Promise.all(databases.map(async (database) => database?.close()));
  }
}
