import type { Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';

/**
 * The module of an application, with a data source of its own. The module has read its settings when it was imported.
 *
 * @param entities of the host. `autoLoadEntities` would bring those of every application in this process
 */
export function withDataSource(AppModule: Type, url: string, entities: readonly Type[]): Type {
  const imports = Reflect.getMetadata('imports', AppModule) as unknown[];
  const own = imports.map((each) => {
    const isDatabase = typeof each === 'object' && each !== null && 'module' in each && each.module === TypeOrmModule;
    return isDatabase ? dataSourceOf(url, entities) : each;
  });
  const copy = class extends (AppModule as new () => object) {};
  Reflect.defineMetadata('imports', own, copy);
  for (const key of ['controllers', 'providers', 'exports']) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, AppModule) as unknown, copy);
  }
  return copy;
}

function dataSourceOf(url: string, entities: readonly Type[]) {
  return TypeOrmModule.forRoot({
    type: 'postgres',
    url,
    entities: [...refreshTokenEntities, ...entities],
    migrations: refreshTokenMigrations,
    migrationsRun: true,
    synchronize: true,
  });
}
