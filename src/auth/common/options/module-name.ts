/** Injects the name of this `AuthModule`; `undefined` for the one without a name. */
export const MODULE_NAME = Symbol('MODULE_NAME');
