// How long the demo takes to refuse a wrong password, for users that exist and for one that does not: npx tsx bench/login-time.ts
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { DataSource } from 'typeorm';
import { CreateUsers1790000000001 } from '../src/demo/users/create-users.migration.js';
import { seedUsers } from '../src/demo/users/seed-users.js';
import { User } from '../src/demo/users/user.entity.js';
import { UsersService } from '../src/demo/users/users.service.js';

const ROUNDS = 25;
const USERNAMES = ['alice', 'bob, disabled', 'nobody'];

const dataSource = await new DataSource({
  ...pgliteDataSourceOptions({}),
  entities: [...refreshTokenEntities, User],
  migrations: [...refreshTokenMigrations, CreateUsers1790000000001],
  migrationsRun: true,
}).initialize();
await seedUsers(dataSource);
const users = new UsersService(dataSource);
await users.onModuleInit();
await users.update(await users.idOf('bob'), { disabled: true });

// In turn, so that what else the machine does falls on all of them.
const times = new Map<string, number[]>(USERNAMES.map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, samples] of times) {
    const start = performance.now();
    await users.validateCredentials(name.split(',')[0], 'wrong-password');
    samples.push(performance.now() - start);
  }
}
await dataSource.destroy();

const medians = [...times].map(([name, samples]) => [name, samples.sort((a, b) => a - b)[ROUNDS >> 1]] as const);
const [[, alice]] = medians;
for (const [name, median] of medians) {
  console.log(`${name}: ${median.toFixed(1)} ms, ${(median / alice).toFixed(2)} of alice`);
}
