import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { onTestFinished } from 'vitest';
import { type Adapter, HostUsers, HostUsersModule } from './auth-app.js';
import { databaseNamed } from './databases.js';

/** What every registration needs in addition to the secret. */
export const HOST = { imports: [HostUsersModule], userProvider: HostUsers };
export const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

export interface HostSetup extends ModuleMetadata {
  entities?: DataSourceOptions['entities'];
  migrations?: DataSourceOptions['migrations'];
  /** Of the data source. */
  name?: string;
  trustProxy?: boolean | string;
  configure?: (app: INestApplication) => void;
}

/** A host that has registered the library in its own way, and listens; closed after the test. */
export async function host(adapter: Adapter, setup: HostSetup): Promise<{ app: INestApplication; url: string }> {
  const { entities = refreshTokenEntities, migrations = refreshTokenMigrations, name, trustProxy, configure } = setup;
  const database = await databaseNamed('sqljs').create();
  const options = database.options(entities, migrations, { migrationsRun: true, logging: false });
  const module = await Test.createTestingModule({
    imports: [TypeOrmModule.forRoot({ ...options, name }), ...(setup.imports ?? [])],
    controllers: setup.controllers,
    providers: setup.providers,
  }).compile();
  const express = new ExpressAdapter();
  express.set('trust proxy', trustProxy ?? false);
  const app = module.createNestApplication(adapter === 'express' ? express : new FastifyAdapter({ trustProxy }));
  onTestFinished(() => app.close());
  configure?.(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}
