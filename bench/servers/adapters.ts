export const ADAPTERS = ['fastify', 'express'] as const;
export type Adapter = (typeof ADAPTERS)[number];

/** Something for each of the two. */
export type PerAdapter<T> = Record<Adapter, T>;

export function perAdapter<T>(make: (adapter: Adapter) => T): PerAdapter<T> {
  return { fastify: make('fastify'), express: make('express') };
}
