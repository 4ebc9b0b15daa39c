import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { DataSource } from 'typeorm';
import { AppModule } from './app.module.js';
import { prepareDatabase } from './database/prepare-database.js';
import { type DemoConfig, readConfig } from './demo-config.js';
import { serveDocs } from './http/docs.js';
import { FASTIFY_OPTIONS, REQUEST_TIMEOUT, typeOfNothing } from './http/fastify-options.js';
import { securityHeaders } from './http/security-headers.js';
import { DEMO_USERS } from './users/seed-users.js';

async function createApp(config: DemoConfig, dataSource: DataSource) {
  const module = await AppModule.forRoot(config, dataSource);
  const options = { abortOnError: false };
  if (config.httpAdapter === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    const adapter = new FastifyAdapter({ ...FASTIFY_OPTIONS, trustProxy: config.trustProxy ?? false });
    adapter.getInstance().addHook('onRequest', ({ raw }, reply, done) => typeOfNothing(raw, reply, done));
    return NestFactory.create(module, adapter, options);
  }
  const app = await NestFactory.create<NestExpressApplication>(module, options);
  app.set('trust proxy', config.trustProxy ?? false);
  app.disable('x-powered-by');
  app.getHttpServer().requestTimeout = REQUEST_TIMEOUT;
  return app;
}

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const dataSource = await prepareDatabase(config.database, config);
  const app = await createApp(config, dataSource);
  app.use(securityHeaders);
  if (!config.production) serveDocs(app);
  app.enableShutdownHooks();
  await app.listen(config.port);

  console.log(`\nThe demo serves on ${await app.getUrl().then(withLocalhost)}`);
  for (const line of usersOf(config)) console.log(`  ${line}`);
}

function usersOf({ production, password: chosen }: DemoConfig): string[] {
  if (production && chosen === undefined) return ['In production it creates no users without DEMO_PASSWORD.'];
  return DEMO_USERS.map(({ username, password, roles }) => {
    const shown = chosen === undefined ? password : 'the DEMO_PASSWORD of the first start';
    return `${username} / ${shown} (${roles.join(', ')})`;
  });
}

/** Browsers accept `Secure` cookies without TLS only from `localhost`. */
function withLocalhost(url: string): string {
  return url.replace(/\[::1?\]|127\.0\.0\.1|0\.0\.0\.0/, 'localhost');
}

main().catch((error: unknown) => {
  console.error(`The demo cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
