/** An entity class. */
export type EntityClass<Entity> = new () => Entity;

/** The class that declares the columns of the module: the oldest ancestor, because a host may derive its own entity. */
export function moduleClassOf(entity: object): object {
  const parent = Object.getPrototypeOf(entity) as { prototype?: object };
  return parent.prototype === undefined ? entity : moduleClassOf(parent);
}
