/** Injects the name of this `AuthModule`; `undefined` for the one that needs none. */
export const MODULE_NAME = Symbol('MODULE_NAME');
