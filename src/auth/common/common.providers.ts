import type { DataSource } from 'typeorm';
import type { ConceptProviders } from './concept-providers.js';
import { KeyRing } from './crypto/key-ring.js';
import type { SecretOption } from './crypto/secret-option.js';
import { AUTH_DATA_SOURCE, AuthDatabase, DatabaseConfig } from './database/auth-database.js';
import { AUTH_OPTIONS } from './options/config.js';
import { MODULE_NAME } from './options/module-name.js';
import { Clock } from './time/clock.js';
import { StallWatch } from './time/stall-watch.js';

export const commonProviders: ConceptProviders = {
  exported: [Clock],
  internal: [
    StallWatch,
    {
      provide: AuthDatabase,
      useFactory: (dataSource: DataSource, config: DatabaseConfig) => AuthDatabase.on(dataSource, config),
      inject: [AUTH_DATA_SOURCE, DatabaseConfig],
    },
    {
      provide: KeyRing,
      useFactory: ({ secret }: { secret?: SecretOption }, name?: string) => new KeyRing(secret, name),
      inject: [AUTH_OPTIONS, MODULE_NAME],
    },
  ],
};
