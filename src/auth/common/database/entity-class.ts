/** A class that is an entity. */
export type EntityClass<Entity> = new () => Entity;
