#!/usr/bin/env node
// A schema engine for the Prisma CLI. The CLI downloads its engine as a program, and gives it requests by JSON-RPC. Where
// only npm can be reached, this is the same engine, compiled to WebAssembly: PRISMA_SCHEMA_ENGINE_BINARY names this file.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';

const { values, positionals } = parseArgs({
  options: { datasource: { type: 'string' }, datamodels: { type: 'string' } },
  allowPositionals: true,
  strict: false,
});
// The CLI asks whether the database can be reached.
if (positionals[0] === 'cli') process.exit(0);

// The engine reads the type "char" of the catalog, which the adapter does not know.
const [CHAR, TEXT] = [18, 25];
const { addFields } = pg.Result.prototype;
pg.Result.prototype.addFields = function (fields) {
  for (const field of fields) if (field.dataTypeID === CHAR) field.dataTypeID = TEXT;
  return addFields.call(this, fields);
};

const { hostname, port, username, password, pathname } = new URL(JSON.parse(values.datasource).url);
const server = {
  host: hostname,
  port: Number(port || 5432),
  user: decodeURIComponent(username),
  password: decodeURIComponent(password),
};

class Database extends PrismaPg {
  /** The adapter drops its shadow database while it is still connected to it, which PostgreSQL refuses. */
  async connectToShadowDb() {
    const database = `shadow_${randomUUID()}`;
    const main = await this.connect();
    await main.executeScript(`CREATE DATABASE "${database}"`);
    const shadow = await new PrismaPg({ ...server, database }).connect();
    const dispose = shadow.dispose.bind(shadow);
    shadow.dispose = async () => {
      await dispose();
      await main.executeScript(`DROP DATABASE "${database}" WITH (FORCE)`);
      await main.dispose();
    };
    return shadow;
  }
}

const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg');
const program = createRequire(import.meta.url)
  .resolve('@prisma/schema-engine-wasm')
  .replace(/\.js$/, '_bg.wasm');
const { instance } = await WebAssembly.instantiate(readFileSync(program), { './schema_engine_bg.js': glue });
glue.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

const datamodels = values.datamodels && [[values.datamodels, readFileSync(values.datamodels, 'utf8')]];
const adapter = bindMigrationAwareSqlAdapterFactory(new Database({ ...server, database: pathname.slice(1) }));
const engine = await glue.SchemaEngine.new({ datamodels }, () => undefined, adapter);
/** These need what the migrations amount to. In WebAssembly they do not find it out by themselves. */
const AFTER_DIAGNOSTIC = ['evaluateDataLoss', 'createMigration'];

async function answerTo(method, params) {
  const { migrationsList, filters } = params;
  if (AFTER_DIAGNOSTIC.includes(method)) await engine.devDiagnostic({ migrationsList, filters });
  return engine[method](params);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  const answer = await answerTo(method, params).then(
    (result) => ({ result: result ?? null }),
    ({ message, meta, code }) => ({
      error: { code: 4466, message, data: { is_panic: false, message, meta, error_code: code } },
    }),
  );
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
}
