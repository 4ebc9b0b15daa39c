/** An entity class. */
export type EntityClass<Entity> = new () => Entity;
