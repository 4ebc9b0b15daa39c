// Browsers know no package names: `PageController` serves the client's modules at this address.
export * from '../../client/index.js';
